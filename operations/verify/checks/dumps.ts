import { DUMP_SETTINGS } from "../../../roles/dump.ts";
import { type Dump, readDumps } from "../../dumps/list.ts";
import { type Check, combine, type Finding } from "../check.ts";
import { judgeDailyCopy, madeSince } from "./dailyCopy.ts";

/** Whether each database that is dumped has a dump of today. */
export const dumps: Check = {
  name: "dumps",
  async run(world) {
    const { clusters, stack } = world.topology;
    const dumped = clusters.filter((cluster) => cluster.dumps !== null);
    if (dumped.length === 0) return { ok: true, detail: "none are asked for: no backup.dumps" };
    const findings = dumped.map(async (cluster) => {
      const all = await readDumps(world.topology, cluster.name);
      const wanted = cluster.dumps!.databases;
      const since = wanted.some((name) => !all.some(({ database }) => database === name))
        ? await madeSince(world, cluster.members[0]!, DUMP_SETTINGS)
        : null;
      return wanted.map((database) => {
        const newest = all.findLast((dump) => dump.database === database) ?? null;
        return judge({ database, newest, since, now: world.now, stack });
      });
    });
    return combine((await Promise.all(findings)).flat());
  },
};

export interface Inspection {
  database: string;
  newest: Dump | null;
  /** Where there is none: since when they could have been made. */
  since: Date | null;
  now: Date;
  stack: string;
}

export function judge({ database, newest, now, since, stack }: Inspection): Finding {
  const fix =
    `npx phasewise dump ${stack} makes them now; ` +
    `npx phasewise logs ${stack} --unit phasewise-dump says why there is none`;
  const size = `${((newest?.bytes ?? 0) / 1024 ** 2).toFixed(1)} MB`;
  return judgeDailyCopy({ of: database, kind: "dump", newest, size, since, now, fix });
}
