import type { PromotionStep } from "./promotionStep.ts";

export function leaveVoter(name: string): PromotionStep {
  return {
    name: `leave-voter-${name}`,
    title: `take ${name}'s vote in etcd, and end its etcd`,
    typicalSeconds: 2,
    final: true,
    probe: async () => false,
    act: (world) => world.removeVoter(name),
  };
}
