import type { PromotionStep } from "./promotionStep.ts";

/** A replica of a cache, and the places that the cache had before. */
export interface NewReplica {
  cache: string;
  name: string;
  before: string[];
}

export function expand(
  from: number,
  to: number,
  joining: { voters: string[]; members: string[]; replicas: NewReplica[] },
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
      for (const { before, cache, name } of joining.replicas) {
        // A failover may have happened since.
        await world.moveCache(cache, before);
        await world.retireReplica(cache, name, before);
      }
      for (const name of joining.voters) await world.removeVoter(name);
      await world.deploy({ phase: from });
    },
  };
}
