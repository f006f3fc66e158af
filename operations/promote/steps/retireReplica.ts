import type { PromotionStep } from "./promotionStep.ts";

/** @param after The places that the cache will have. */
export function retireReplica(cache: string, name: string, after: string[]): PromotionStep {
  return {
    name: `retire-replica-${cache}-${name}`,
    title: `end the replica of the ${cache} on ${name} and delete its copy`,
    typicalSeconds: 2,
    final: true,
    probe: async () => false,
    act: (world) => world.retireReplica(cache, name, after),
  };
}
