import type { PromotionStep } from "./promotionStep.ts";

/** @param before The places that the cache had: where its primary goes back to. */
export function joinReplica(cache: string, name: string, before: string[]): PromotionStep {
  return {
    name: `join-replica-${cache}-${name}`,
    title: `wait until ${name} has copied the ${cache} and follows its primary`,
    typicalSeconds: 3,
    probe: (world) => world.hasReplica(cache, name),
    act: (world) => world.awaitReplica(cache, name),
    // A failover may have happened since.
    undo: (world) => world.moveCache(cache, before),
  };
}
