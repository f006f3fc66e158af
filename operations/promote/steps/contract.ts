import type { PromotionStep } from "./promotionStep.ts";

export function contract(phase: number): PromotionStep {
  return {
    name: "contract",
    title: `take away what phase ${phase} does not have`,
    typicalSeconds: 15,
    final: true,
    probe: async () => false,
    act: (world) => world.deploy({ phase }),
  };
}
