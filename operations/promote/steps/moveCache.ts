import type { PromotionStep } from "./promotionStep.ts";

/** @param after The places that the cache will have: the others are about to be taken away. */
export function moveCache(cache: string, after: string[]): PromotionStep {
  return {
    name: `move-${cache}`,
    title: `see that the primary of the ${cache} is on ${after.join(" or ")}`,
    typicalSeconds: 4,
    probe: async () => false,
    act: (world) => world.moveCache(cache, after),
  };
}
