import { DUMP_SETTINGS } from "../../../roles/dump.ts";
import { type Dump, dumpsIn } from "../../dumps/list.ts";
import { type Check, combine, type Finding } from "../check.ts";
import { judgeDailyCopy, lookInEach, madeSince } from "./dailyCopy.ts";

/** Whether each database that is dumped has a dump of today, in each repository. */
export const dumps: Check = {
  name: "dumps",
  async run(world) {
    const { clusters, stack } = world.topology;
    const dumped = clusters.filter((cluster) => cluster.dumps !== null);
    if (dumped.length === 0) return { ok: true, detail: "none are asked for: no backup.dumps" };
    const findings = dumped.map(({ dumps: wanted, members, name }) =>
      lookInEach(world, {
        of: name,
        fix: fixOf(stack),
        read: (store) => dumpsIn(store, name),
        async judge(all, where) {
          const newest = wanted!.databases.map((database) => ({
            database: `${database}${where}`,
            newest: all.findLast((dump) => dump.database === database) ?? null,
          }));
          const since = newest.some((one) => one.newest === null)
            ? await madeSince(world, members[0]!, DUMP_SETTINGS)
            : null;
          return newest.map((one) => judge({ ...one, since, now: world.now, stack }));
        },
      }),
    );
    return combine((await Promise.all(findings)).flat());
  },
};

function fixOf(stack: string): string {
  return (
    `npx phasewise dump ${stack} makes them now; ` +
    `npx phasewise logs ${stack} --unit phasewise-dump says why there is none`
  );
}

export interface Inspection {
  /** With the repository, where there are several. */
  database: string;
  newest: Dump | null;
  /** Where there is none: since when they could have been made. */
  since: Date | null;
  now: Date;
  stack: string;
}

export function judge({ database, newest, now, since, stack }: Inspection): Finding {
  const fix = fixOf(stack);
  const size = `${((newest?.bytes ?? 0) / 1024 ** 2).toFixed(1)} MB`;
  return judgeDailyCopy({ of: database, kind: "dump", newest, size, since, now, fix });
}
