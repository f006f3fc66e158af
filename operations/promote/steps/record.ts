import type { PromotionStep } from "./promotionStep.ts";

export function record(from: number, to: number): PromotionStep {
  return {
    name: "record",
    title: `write phase ${to} into the stack's file`,
    typicalSeconds: 1,
    probe: async (world) => (await world.filePhase()) === to,
    act: (world) => world.writePhase(to),
    undo: (world) => world.writePhase(from),
  };
}
