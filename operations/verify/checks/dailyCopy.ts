import type { Finding, World } from "../check.ts";

/** What checks have in common that look after copies which machines put into the bucket each day. */

/** One is made each day; what failed is tried again each hour, so some hours are left for that. */
const OLDEST_HOURS = 24 + 4;
/** The first one is begun minutes after the start, and tried again each hour. */
const FIRST_HOURS = 2;

export interface DailyCopy {
  /** Of what it is a copy. */
  of: string;
  /** What it is called, as "dump". */
  kind: string;
  newest: { label: string; madeAt: string } | null;
  /** Of the newest, for people. */
  size: string;
  /** Where there is none: since when they could have been made. */
  since: Date | null;
  now: Date;
  fix: string;
}

/** Whether there is one of today. */
export function judgeDailyCopy({ fix, kind, newest, now, of, since, size }: DailyCopy): Finding {
  const hoursFrom = (moment: Date) => (now.getTime() - moment.getTime()) / 3_600_000;
  if (newest === null) {
    return since !== null && hoursFrom(since) < FIRST_HOURS
      ? { ok: true, detail: `${of}: the first one is yet to be made` }
      : { ok: false, detail: `${of}: there is no ${kind}`, fix };
  }
  const hours = hoursFrom(new Date(newest.madeAt));
  const age = hours < 1 ? `${Math.round(hours * 60)} minutes` : `${Math.round(hours)} hours`;
  const detail = `${of}: ${newest.label}, ${size}, ${age} old`;
  return hours <= OLDEST_HOURS ? { ok: true, detail } : { ok: false, detail, fix };
}

/** When a machine learned to make copies. @param settings The file that says how. */
export async function madeSince(world: World, name: string, settings: string): Promise<Date> {
  const machine = world.topology.machines.find((one) => one.name === name)!;
  return new Date(Number((await world.run(machine, `stat -c %Y ${settings}`)).trim()) * 1000);
}
