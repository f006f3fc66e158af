import { setTimeout as sleep } from "node:timers/promises";
import type { Topology } from "../../../infra/topology.ts";
import type { OperationContext } from "../../context.ts";
import { clusterOf } from "../../restore/restore.ts";
import { openStore } from "../../restore/store.ts";
import { type Cluster, readDeployed } from "../../topology.ts";
import { openWorld } from "../../verify/world.ts";
import { verifyStack } from "../../verifyStack.ts";
import type { DrillCheck } from "../checks.ts";
import { readLive } from "../live.ts";
import { type DrillReport, reportKey } from "../reports.ts";
import { tellDrills } from "../tell.ts";
import { type LossJournal, lossPaths } from "./journal.ts";
import { judgeWitness, type Witnessed } from "./witness.ts";

/** What has just been rebuilt may need some moments until everything is as it should be (milliseconds). */
const SETTLES_WITHIN = 120_000;

/** Looks at what was rebuilt and keeps the report in the bucket. @param backAt When it took writes again. */
export async function judge(
  stack: string,
  journal: LossJournal,
  backAt: Date,
  ctx: OperationContext,
): Promise<DrillReport> {
  const { topology } = await readDeployed(stack, ctx);
  const cluster = clusterOf(topology, journal.cluster);
  const struckAt = new Date(journal.struckAt!);
  const rtoSeconds = Math.round((backAt.getTime() - struckAt.getTime()) / 100) / 10;
  const witnessed =
    journal.run === null
      ? null
      : await judgeWitness(topology, journal.run, lossPaths.ledger(stack), journal.must);
  const rpoSeconds = rpoOf(witnessed, struckAt);
  const checks = [
    ...rowsCheck(witnessed),
    await archiveCheck(topology, cluster, ctx),
    await verifyCheck(stack, ctx),
    goal("rto", rtoSeconds, topology.goals.rtoMinutes),
    ...(rpoSeconds === null ? [] : [goal("rpo", rpoSeconds, topology.goals.rpoMinutes)]),
  ];
  const report: DrillReport = {
    ok: checks.every(({ ok }) => ok),
    stack,
    cluster: cluster.name,
    lost: journal.loss,
    startedAt: journal.startedAt,
    backup: null,
    rtoSeconds,
    rpoSeconds,
    rowsMissing: witnessed?.missing ?? null,
    checks,
  };
  using store = openStore(topology);
  await store.put(reportKey("disaster", cluster.name, new Date(journal.startedAt)), report);
  await tellDrills(topology, ctx);
  return report;
}

export function rpoOf(witnessed: Witnessed | null, struckAt: Date): number | null {
  if (witnessed === null || witnessed.newest === null) return null;
  if (witnessed.lost + witnessed.missing === 0) return 0;
  return Math.max(0, Math.round((struckAt.getTime() - witnessed.newest.getTime()) / 100) / 10);
}

export function rowsCheck(witnessed: Witnessed | null): DrillCheck[] {
  if (witnessed === null) return [];
  const { acknowledged, lost, missing } = witnessed;
  const gone = lost === 0 ? "" : `; ${lost} of the last moments were not archived yet and are gone`;
  const detail =
    missing === 0
      ? `${acknowledged} rows were acknowledged, all that had to be there are there${gone}`
      : `${missing} of ${acknowledged} acknowledged rows are missing that had to be there${gone}`;
  return [{ name: "acknowledged", ok: missing === 0, detail }];
}

/** Whether the rebuilt cluster archives: without it, the next loss would be for good. */
async function archiveCheck(
  topology: Topology,
  cluster: Cluster,
  ctx: OperationContext,
): Promise<DrillCheck> {
  await using world = openWorld(topology, { unavailable: "a drill does not ask it" }, ctx);
  const live = await readLive(world, cluster, ctx);
  if (live === null) return { name: "archive", ok: false, detail: "the cluster does not answer" };
  const seconds = live.mark.archivedAfter.toFixed(1);
  return { name: "archive", ok: true, detail: `a new segment was in the bucket after ${seconds} s` };
}

/** Checks that say how old drills and kits are do not judge the rebuild. */
const OTHERS = ["drill", "recovery-kit"];

async function verifyCheck(stack: string, ctx: OperationContext): Promise<DrillCheck> {
  const end = Date.now() + SETTLES_WITHIN;
  for (;;) {
    const { checks } = await verifyStack(stack, ctx);
    const faults = checks.filter(({ name, ok }) => !ok && !OTHERS.includes(name));
    if (faults.length === 0) return { name: "verify", ok: true, detail: `${checks.length} checks passed` };
    if (Date.now() > end || ctx.signal.aborted) {
      return {
        name: "verify",
        ok: false,
        detail: faults.map(({ detail, name }) => `${name}: ${detail}`).join("; "),
      };
    }
    await sleep(2000);
  }
}

function goal(name: string, seconds: number, minutes: number): DrillCheck {
  return { name, ok: seconds <= minutes * 60, detail: `${seconds} s, the goal is ${minutes} minutes` };
}
