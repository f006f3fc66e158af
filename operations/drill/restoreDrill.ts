import type { SshSession } from "../../clients/ssh.ts";
import type { Topology } from "../../infra/topology.ts";
import { backupInfoCommand } from "../../roles/pgbackrest.ts";
import { messageOf, Problem } from "../../toolchain/problem.ts";
import type { OperationContext } from "../context.ts";
import { recover, run } from "../restore/recover.ts";
import { chooseRepository } from "../restore/repositories.ts";
import { type Backup, neededBytes, parseRepository, repositoryFaults } from "../restore/repository.ts";
import { clusterOf } from "../restore/restore.ts";
import { cipherOf, cloudAccess, judgeSize, withScratch } from "../restore/scratch.ts";
import { openStore } from "../restore/store.ts";
import { type Branch, backupsTo, readBranches } from "../restore/timelines.ts";
import { type Cluster, readDeployed } from "../topology.ts";
import { openWorld } from "../verify/world.ts";
import { checkRestored, type DrillCheck, missingRows } from "./checks.ts";
import { type Live, readLive } from "./live.ts";
import { type DrillReport, reportKey } from "./reports.ts";
import { tellDrills } from "./tell.ts";

export interface DrillOptions {
  cluster?: string;
  serverType?: string;
  /** Which one is proven; the first one that answers if left out. */
  repository?: number;
}

type DrillBase = Pick<DrillReport, "stack" | "cluster" | "lost" | "startedAt" | "repository">;

/** Backups that are tried, the newest first. */
const tried = 3;

/**
 * Restores the newest backup to a throw-away machine, looks at it and measures how long it took, whatever happens to be
 * wrong: the report says it, and is kept in the bucket. The machine is removed.
 */
export async function drill(
  stack: string,
  options: DrillOptions,
  ctx: OperationContext,
): Promise<DrillReport> {
  const { topology, deployment } = await readDeployed(stack, ctx);
  const cluster = clusterOf(topology, options.cluster);
  cipherOf(topology, cluster);
  const access = await cloudAccess(deployment, ctx);
  const startedAt = new Date();
  const repository = await chooseRepository(topology, cluster, options.repository, ctx);
  const { live, newest, faults } = await ask(topology, cluster, ctx, repository.number);
  const bytes = newest === undefined ? 0 : neededBytes(newest);
  const size = await judgeSize(access, topology, cluster, { serverType: options.serverType ?? null, bytes });
  const begin = Date.now();
  const wish = { ...size, bytes, writable: true, keepUntil: null };
  const base = {
    stack,
    cluster: cluster.name,
    lost: null,
    startedAt: startedAt.toISOString(),
    repository: repository.number,
  };
  const report = await withScratch(
    { access, topology, cluster, repository },
    wish,
    ctx,
    async (_, session) => ({
      ...base,
      ...(await prove(session, cluster, live, begin, topology, ctx)),
    }),
  ).catch((error: unknown) => failed(base, error, ctx));
  if (faults.length > 0) {
    report.ok = false;
    report.checks.unshift(...faults);
  }
  using store = openStore(topology, ctx.onLine);
  await store.put(reportKey("restore", cluster.name, startedAt), report);
  await tellDrills(topology, ctx);
  return report;
}

async function ask(
  topology: Topology,
  cluster: Cluster,
  ctx: OperationContext,
  repository: number,
): Promise<{ live: Live | null; newest: Backup | undefined; faults: DrillCheck[] }> {
  await using world = openWorld(topology, { unavailable: "a drill does not ask it" }, ctx);
  const faults: DrillCheck[] = [];
  let live: Live | null = null;
  try {
    live = await readLive(world, cluster, ctx, [repository]);
    if (live === null) return { live, newest: undefined, faults };
  } catch (error) {
    // What the archive holds can be restored all the same, and the drill says what that is.
    if (ctx.signal.aborted) throw error;
    faults.push({ name: "archive", ok: false, detail: messageOf(error).split("\n")[0]! });
  }
  try {
    const branches = await branchesOf(topology, cluster);
    const member = topology.machines.find((machine) => cluster.members.includes(machine.name))!;
    const info = await world.run(member, backupInfoCommand(cluster.backupStanza, repository));
    return { live, newest: candidates(info, cluster, branches).at(-1), faults };
  } catch (error) {
    // The throw-away machine asks the repository itself, and its answer counts.
    if (ctx.signal.aborted) throw error;
    return { live, newest: undefined, faults };
  }
}

async function prove(
  session: SshSession,
  cluster: Cluster,
  live: Live | null,
  begin: number,
  topology: Topology,
  ctx: OperationContext,
): Promise<Omit<DrillReport, keyof DrillBase>> {
  const branches = await branchesOf(topology, cluster);
  const { backup, check } = await restoreNewest(session, { cluster, branches }, ctx);
  const rtoSeconds = Math.round((Date.now() - begin) / 100) / 10;
  const rpoSeconds =
    live === null ? null : Math.round((live.archiveTimeout + live.mark.archivedAfter) * 10) / 10;
  ctx.onLine(`PostgreSQL takes connections after ${rtoSeconds} s; looking at what it holds`);
  const restored = { session, cluster, live, ctx };
  const rowsMissing = await missingRows(restored);
  const checks = [
    check,
    ...acknowledged(rowsMissing),
    ...(await checkRestored(restored)),
    ...goals(topology, rtoSeconds, rpoSeconds),
  ];
  return {
    ok: checks.every(({ ok }) => ok),
    backup: backup.label,
    rtoSeconds,
    rpoSeconds,
    rowsMissing,
    checks,
  };
}

/** The restores in place that were made. */
async function branchesOf(topology: Topology, cluster: Cluster): Promise<Branch[]> {
  using store = openStore(topology);
  return await readBranches(store, cluster.name);
}

/** Backups that lead to the end of the log: one of a line that a restore in place left leads elsewhere. Pure. */
export function candidates(
  info: string,
  cluster: Pick<Cluster, "backupStanza">,
  branches: readonly Branch[],
): Backup[] {
  return backupsTo(null, parseRepository(info, cluster.backupStanza).backups, branches);
}

/** The newest backup that can be restored. @throws Problem where none of the newest can, or there is none. */
export async function restoreNewest(
  session: SshSession,
  { cluster, branches }: { cluster: Cluster; branches: readonly Branch[] },
  ctx: OperationContext,
): Promise<{ backup: Backup; check: DrillCheck }> {
  const info = await run(session, backupInfoCommand(cluster.backupStanza), ctx);
  const backups = candidates(info, cluster, branches);
  const faults = backups.length === 0 ? repositoryFaults(info, cluster.backupStanza) : [];
  for (const backup of backups.slice(-tried).reverse()) {
    try {
      await recover(session, cluster, { type: "latest" }, backup.label, ctx);
      const name = "restore";
      if (faults.length === 0) return { backup, check: { name, ok: true, detail: backup.label } };
      const detail = `the newest backup that can be restored is ${backup.label}; ${faults.join("; ")}`;
      return { backup, check: { name, ok: false, detail } };
    } catch (error) {
      if (!(error instanceof Problem) || ctx.signal.aborted) throw error;
      ctx.onLine(`${backup.label} cannot be restored: ${error.happened}`);
      faults.push(`${backup.label}: ${error.details?.at(-1) ?? error.happened}`);
    }
  }
  throw new Problem({
    happened:
      backups.length === 0
        ? `There is no backup of ${cluster.name} that can be read.`
        : `None of the ${faults.length} newest backups of ${cluster.name} can be restored.`,
    details: faults,
    left: "The stack itself was not touched.",
    todo: ["npx phasewise backup --type full makes a new one; npx phasewise verify says how the archive is."],
  });
}

function acknowledged(rowsMissing: number | null): DrillCheck[] {
  if (rowsMissing === null) return [];
  const detail =
    rowsMissing === 0
      ? "all that was acknowledged before is there"
      : `${rowsMissing} acknowledged rows are missing: the archive of the log ends before them, a segment is lost or ` +
        "damaged; what follows a new full backup can be restored again";
  return [{ name: "acknowledged", ok: rowsMissing === 0, detail }];
}

function goals({ goals: wanted }: Topology, rto: number, rpo: number | null): DrillCheck[] {
  const judge = (name: string, seconds: number, minutes: number): DrillCheck => ({
    name,
    ok: seconds <= minutes * 60,
    detail: `${seconds} s, the goal is ${minutes} minutes`,
  });
  return [
    judge("rto", rto, wanted.rtoMinutes),
    ...(rpo === null ? [] : [judge("rpo", rpo, wanted.rpoMinutes)]),
  ];
}

function failed(base: DrillBase, error: unknown, ctx: OperationContext): DrillReport {
  if (ctx.signal.aborted) throw error;
  const details = error instanceof Problem ? (error.details ?? []) : [];
  const detail = [messageOf(error).split("\n")[0] ?? "", ...details].join("; ");
  return {
    ...base,
    ok: false,
    backup: null,
    rtoSeconds: null,
    rpoSeconds: null,
    rowsMissing: null,
    checks: [{ name: "restore", ok: false, detail }],
  };
}
