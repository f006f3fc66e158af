import { type DrillKind, type GoodDrill, lastGoodDrill } from "../../drill/reports.ts";
import { openStore } from "../../restore/store.ts";
import { type Check, combine, type Finding } from "../check.ts";
import { ageOf } from "./backup.ts";

/** Whether a backup was restored, and the stack was rebuilt after a loss, lately: what was never tried is a hope. */
export const drill: Check = {
  name: "drill",
  async run(world) {
    const { clusters, goals, stack } = world.topology;
    const kinds = [
      { kind: "restore" as const, days: goals.drillDays },
      ...(goals.disasterDrillDays === 0
        ? []
        : [{ kind: "disaster" as const, days: goals.disasterDrillDays }]),
    ];
    using store = openStore(world.topology);
    const findings = clusters.flatMap((cluster) =>
      kinds.map(async ({ kind, days }) => {
        const last = await lastGoodDrill(store, kind, cluster.name);
        const made = last === null ? await ageOf(world, cluster) : null;
        return judge({ kind, cluster: cluster.name, last, made, days, now: world.now, stack });
      }),
    );
    return combine(await Promise.all(findings));
  },
};

export interface Inspection {
  kind: DrillKind;
  cluster: string;
  last: GoodDrill | null;
  /** When the cluster was made, where there was no drill. */
  made: Date | null;
  days: number;
  now: Date;
  stack: string;
}

const WORDS: Record<DrillKind, { never: string; fix(stack: string): string }> = {
  restore: {
    never: "no backup was ever restored for a trial",
    fix: (stack) =>
      `npx phasewise drill ${stack} restores the newest backup to a throw-away machine and looks at it`,
  },
  disaster: {
    never: "it was never rebuilt after a loss for a trial",
    fix: (stack) =>
      `npx phasewise drill ${stack} --lose everything rebuilds it, or a copy of it (docs/drills.md)`,
  },
};

export function judge({ kind, cluster, last, made, days, now, stack }: Inspection): Finding {
  const fix = WORDS[kind].fix(stack);
  const since = last?.startedAt ?? made!;
  const age = Math.floor((now.getTime() - since.getTime()) / 86_400_000);
  const overdue = age >= days;
  if (last === null) {
    const detail = `${cluster}: ${WORDS[kind].never}`;
    return overdue
      ? { ok: false, detail, fix }
      : { ok: true, detail: `${detail}; due in ${days - age} days` };
  }
  const what = last.lost === null ? "restored" : `rebuilt after a loss (${last.lost})`;
  const detail = `${cluster}: ${what} ${age} days ago within ${last.rtoSeconds} s`;
  return overdue
    ? { ok: false, detail: `${detail}; every ${days} days is asked for`, fix }
    : { ok: true, detail };
}
