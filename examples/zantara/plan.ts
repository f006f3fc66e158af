import { day, midnight, workingTime } from "../generate/clock.ts";
import type { Settings } from "../generate/example.ts";
import type { Ids } from "../generate/ids.ts";
import { idsAt, inOrder } from "../generate/plan.ts";
import { Random } from "../generate/random.ts";

/** What several tables must agree on. */
export interface Plan {
  seed: string;
  until: number;
  members: Ids;
  memberCount: number;
  clients: Ids;
  clientCount: number;
  createdAt: Float64Array;
  /** A client, the first ones much more often than the last. */
  someClient(random: Random): number;
  /** So many moments of the year before the end, in their order. */
  times(table: string, rows: number): Float64Array;
}

export function planZantara({ seed, size, until }: Settings): Plan {
  const random = new Random(`${seed}/zantara/plan`);
  const end = midnight(until);
  const memberCount = 3 + Math.ceil(size / 40);
  const createdAt = inOrder(size, () => workingTime(random, end - 700 * day, end - day));
  const hired = inOrder(memberCount, () => workingTime(random, end - 900 * day, end - 701 * day));
  return {
    seed,
    until: end,
    memberCount,
    members: idsAt(hired, random),
    clientCount: size,
    clients: idsAt(createdAt, random),
    createdAt,
    someClient: (from) => Math.floor(size * from.float() ** 2.5),
    times: (table, rows) => {
      const clock = new Random(`${seed}/zantara/times/${table}`);
      return inOrder(rows, () => workingTime(clock, end - 365 * day, end));
    },
  };
}
