import type { PromotionStep } from "./promotionStep.ts";

export function retire(name: string): PromotionStep {
  return {
    name: `retire-${name}`,
    title: `end PostgreSQL on ${name} and delete its copy of the data`,
    typicalSeconds: 4,
    final: true,
    probe: (world) => world.isRetired(name),
    act: (world) => world.retire(name),
  };
}
