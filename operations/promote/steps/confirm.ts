import type { PromotionStep } from "./promotionStep.ts";

export const confirm: PromotionStep = {
  name: "confirm",
  title: "check that no client saw an error and no row is missing",
  typicalSeconds: 1,
  probe: async () => false,
  act: (world) => world.confirm(),
};
