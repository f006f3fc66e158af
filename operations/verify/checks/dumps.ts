import { DUMP_SETTINGS } from "../../../roles/dump.ts";
import { type Dump, readDumps } from "../../dumps/list.ts";
import type { Cluster } from "../../topology.ts";
import { type Check, combine, type Finding, type World } from "../check.ts";

/** One is made each day; what failed is tried again each hour, so some hours are left for that. */
const OLDEST_HOURS = 24 + 4;
/** The first one is begun minutes after the start, and tried again each hour. */
const FIRST_HOURS = 2;

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
        ? await madeSince(world, cluster)
        : null;
      return wanted.map((database) => {
        const newest = all.findLast((dump) => dump.database === database) ?? null;
        return judge({ database, newest, since, now: world.now, stack });
      });
    });
    return combine((await Promise.all(findings)).flat());
  },
};

/** When the machines learned to make dumps. */
async function madeSince(world: World, cluster: Cluster): Promise<Date> {
  const machine = world.topology.machines.find(({ name }) => name === cluster.members[0])!;
  return new Date(Number((await world.run(machine, `stat -c %Y ${DUMP_SETTINGS}`)).trim()) * 1000);
}

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
  const hoursFrom = (moment: Date) => (now.getTime() - moment.getTime()) / 3_600_000;
  if (newest === null) {
    return since !== null && hoursFrom(since) < FIRST_HOURS
      ? { ok: true, detail: `${database}: the first one is yet to be made` }
      : { ok: false, detail: `${database}: there is no dump`, fix };
  }
  const hours = hoursFrom(new Date(newest.madeAt));
  const age = hours < 1 ? `${Math.round(hours * 60)} minutes` : `${Math.round(hours)} hours`;
  const detail = `${database}: ${newest.label}, ${(newest.bytes / 1024 ** 2).toFixed(1)} MB, ${age} old`;
  return hours <= OLDEST_HOURS ? { ok: true, detail } : { ok: false, detail, fix };
}
