import type { PromotionStep } from "./promotionStep.ts";

export function expand(
  from: number,
  to: number,
  joining: { voters: string[]; members: string[] },
): PromotionStep {
  return {
    name: "expand",
    title: `add what phase ${to} has beside what phase ${from} has`,
    typicalSeconds: 14,
    // A run that finds everything there ends within seconds; nobody else knows whether all of it is.
    probe: async () => false,
    act: (world) => world.deploy({ from, to }),
    undo: async (world) => {
      // A new machine begins to copy as soon as it is there: long before its own step.
      for (const name of joining.members) await world.abandon(name);
      for (const name of joining.voters) await world.removeVoter(name);
      await world.deploy({ phase: from });
    },
  };
}
