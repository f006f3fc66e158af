import type { PromotionStep } from "./promotionStep.ts";

export function joinStandby(name: string): PromotionStep {
  return {
    name: `join-standby-${name}`,
    title: `wait until ${name} has copied the data and follows the primary`,
    typicalSeconds: 2,
    probe: async (world) =>
      (await world.members()).some((member) => member.name === name && member.streaming),
    act: (world) => world.awaitStandby(name),
    undo: (world) => world.abandon(name),
  };
}
