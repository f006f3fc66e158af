import type { PromotionStep } from "./promotionStep.ts";

export function joinReplica(cache: string, name: string): PromotionStep {
  return {
    name: `join-replica-${cache}-${name}`,
    title: `wait until ${name} has copied the ${cache} and follows its primary`,
    typicalSeconds: 3,
    probe: (world) => world.hasReplica(cache, name),
    act: (world) => world.awaitReplica(cache, name),
  };
}
