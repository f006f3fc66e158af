import type { PromotionStep } from "./promotionStep.ts";

/** @param leaves Whether its machine is deleted afterwards: then one that has died holds nothing up. */
export function retire(name: string, leaves: boolean): PromotionStep {
  return {
    name: `retire-${name}`,
    title: `end PostgreSQL on ${name} and delete its copy of the data`,
    typicalSeconds: 4,
    final: true,
    probe: async (world) => !leaves && (await world.isRetired(name)),
    act: (world) => (leaves ? world.abandon(name) : world.retire(name)),
  };
}
