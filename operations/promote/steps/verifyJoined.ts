import type { PromotionStep } from "./promotionStep.ts";

export const verifyJoined: PromotionStep = {
  name: "verify-joined",
  title: "check everything before clients are moved",
  typicalSeconds: 2,
  probe: async () => false,
  act: (world) => world.verify(),
};
