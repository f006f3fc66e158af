import { lastGoodDrill, openStore } from "../../restore/store.ts";
import { type Check, combine, type Finding } from "../check.ts";
import { ageOf } from "./backup.ts";

/** Whether a backup was restored and looked at lately: one that was not is a hope. */
export const drill: Check = {
  name: "drill",
  async run(world) {
    const { clusters, goals, stack } = world.topology;
    using store = openStore(world.topology);
    const findings = clusters.map(async (cluster) => {
      const last = await lastGoodDrill(store, cluster.name);
      const made = last === null ? await ageOf(world, cluster) : null;
      return judge({ cluster: cluster.name, last, made, days: goals.drillDays, now: world.now, stack });
    });
    return combine(await Promise.all(findings));
  },
};

export interface Inspection {
  cluster: string;
  last: Awaited<ReturnType<typeof lastGoodDrill>>;
  /** When the cluster was made, where there was no drill. */
  made: Date | null;
  days: number;
  now: Date;
  stack: string;
}

export function judge({ cluster, last, made, days, now, stack }: Inspection): Finding {
  const fix = `npx phasewise drill ${stack} restores the newest backup to a throw-away machine and looks at it`;
  const since = last?.startedAt ?? made!;
  const age = Math.floor((now.getTime() - since.getTime()) / 86_400_000);
  const overdue = age >= days;
  if (last === null) {
    const detail = `${cluster}: no backup was ever restored for a trial`;
    return overdue
      ? { ok: false, detail, fix }
      : { ok: true, detail: `${detail}; due in ${days - age} days` };
  }
  const detail = `${cluster}: restored ${age} days ago within ${last.rtoSeconds} s`;
  return overdue
    ? { ok: false, detail: `${detail}; every ${days} days is asked for`, fix }
    : { ok: true, detail };
}
