import type { PromotionStep } from "./promotionStep.ts";

export function joinVoter(name: string): PromotionStep {
  return {
    name: `join-voter-${name}`,
    title: `give ${name} a vote in etcd`,
    typicalSeconds: 3,
    probe: async (world) => (await world.voters()).some((voter) => voter.name === name && !voter.learner),
    act: (world) => world.addVoter(name),
    undo: (world) => world.removeVoter(name),
  };
}
