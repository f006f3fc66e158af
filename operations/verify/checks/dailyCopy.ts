import { messageOf } from "../../../toolchain/problem.ts";
import { askEach } from "../../copies/repositories.ts";
import type { Kept } from "../../restore/kept.ts";
import { repositoriesOf } from "../../restore/repositories.ts";
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

export interface Looked<T> {
  /** Whose copies these are. */
  of: string;
  read(store: Kept): Promise<T[]>;
  /** @param where Stands behind the name of what was copied, where there are several repositories. */
  judge(copies: T[], where: string): Promise<Finding[]>;
  fix: string;
}

/** Each repository by itself: one that does not answer has no fresh copy that anybody knows of. */
export async function lookInEach<T>(
  { topology }: Pick<World, "topology">,
  { fix, judge, of, read }: Looked<T>,
): Promise<Finding[]> {
  const answers = await askEach(repositoriesOf(topology), read);
  const findings = answers.map(async ({ error, found, repository: { number } }) => {
    const where = answers.length === 1 ? "" : `, repository ${number}`;
    if (found !== null) return await judge(found, where);
    const detail = `${of}${where}: the storage does not answer (${messageOf(error).split("\n")[0]})`;
    return [{ ok: false, detail, fix }];
  });
  return (await Promise.all(findings)).flat();
}

/** When a machine learned to make copies. @param settings The file that says how. */
export async function madeSince(world: World, name: string, settings: string): Promise<Date> {
  const machine = world.topology.machines.find((one) => one.name === name)!;
  return new Date(Number((await world.run(machine, `stat -c %Y ${settings}`)).trim()) * 1000);
}
