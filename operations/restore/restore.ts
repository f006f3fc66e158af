import type { Topology } from "../../infra/topology.ts";
import { backupInfoCommand } from "../../roles/pgbackrest.ts";
import { messageOf, Problem } from "../../toolchain/problem.ts";
import type { OperationContext } from "../context.ts";
import { type Cluster, readDeployed } from "../topology.ts";
import type { World } from "../verify/check.ts";
import { leaderOf } from "../verify/patroni.ts";
import { openWorld } from "../verify/world.ts";
import { markArchive, sqlOn } from "./archive.ts";
import { readBucket } from "./bucketIndex.ts";
import { judgeClock } from "./clock.ts";
import { type CopyReport, copyBack, requireCopyable } from "./copy/copy.ts";
import { parseCopy } from "./copy/request.ts";
import type { Reached } from "./reached.ts";
import { recover, run } from "./recover.ts";
import { type ChosenRepository, chooseRepository } from "./repositories.ts";
import { type Backup, chooseBackup, neededBytes, parseRepository, type Repository } from "./repository.ts";
import { cipherOf, cloudAccess, judgeSize, withScratch } from "./scratch.ts";
import { openStore, readPoints } from "./store.ts";
import { parseTarget, type Target, targetText } from "./target.ts";
import { momentOf, readBranches, timelineTo } from "./timelines.ts";

export interface RestoreOptions {
  /** As `parseTarget` wants it. */
  to: string;
  /** Which cluster, where there are several. */
  cluster?: string;
  serverType?: string;
  /** From which repository; the first one that answers if left out. */
  repository?: number;
  /** Hours that the machine is to stay; undefined removes it at the end. */
  keepHours?: number;
  /** What is copied into the stack, as `parseCopy` wants it. */
  database?: string;
  table?: string;
  as?: string;
}

/** What `restore --json` prints. */
export interface RestoreReport {
  stack: string;
  cluster: string;
  target: string;
  /** The backup it began with, and the number of the repository that it is in. */
  backup: string;
  repository: number;
  reached: Reached;
  /** Why the result may not be what was asked for; null where nothing speaks against it. */
  warning: string | null;
  /** Databases and their sizes in bytes, as restored. */
  databases: { name: string; bytes: number }[];
  /** From the order of the machine until its PostgreSQL took connections. */
  seconds: number;
  /** Null where it was removed. */
  machine: { name: string; address: string; until: string } | null;
  /** What was copied into the stack; null where nothing was asked for. */
  copy: CopyReport | null;
}

/**
 * Restores a cluster to a throw-away machine. The stack itself is not touched, and need not be there any more: its
 * state is enough. Only a copy that is asked for goes from there into the stack.
 */
export async function restoreToScratch(
  stack: string,
  options: RestoreOptions,
  ctx: OperationContext,
): Promise<RestoreReport> {
  const target = parseTarget(options.to);
  const { topology, deployment } = await readDeployed(stack, ctx);
  const cluster = clusterOf(topology, options.cluster);
  const copy = parseCopy(options, cluster.databases);
  cipherOf(topology, cluster);
  if (copy !== null) await requireCopyable(topology, cluster, copy, ctx);
  const repository = await chooseRepository(topology, cluster, options.repository, ctx);
  const plan = await planRestore(topology, cluster, target, ctx, repository);
  const access = await cloudAccess(deployment, ctx);
  const size = await judgeSize(access, topology, cluster, {
    serverType: options.serverType ?? null,
    bytes: neededBytes(plan.backup),
  });
  const { keepHours } = options;
  const keepUntil = keepHours === undefined ? null : new Date(Date.now() + keepHours * 3600_000);
  const wish = { ...size, bytes: 0, writable: false, keepUntil };
  const begin = Date.now();
  return await withScratch({ access, topology, cluster, repository }, wish, ctx, async (scratch, session) => {
    const { backup, timeline } = plan;
    const recovered = await recover(session, cluster, target, backup.label, ctx, timeline);
    const seconds = Math.round((Date.now() - begin) / 100) / 10;
    return {
      stack,
      cluster: cluster.name,
      target: targetText(target),
      backup: backup.label,
      repository: repository.number,
      reached: recovered.reached,
      warning: await judgeClock(repository.bucket, cluster, recovered, ctx),
      databases: await databasesOn(session, ctx),
      seconds,
      machine:
        keepUntil === null
          ? null
          : { name: scratch.name, address: scratch.address, until: keepUntil.toISOString() },
      copy: copy === null ? null : await copyBack(topology, cluster, copy, session, ctx),
    };
  });
}

/** The backup to begin with, and the line of history that leads to the target. */
export interface Way {
  backup: Backup;
  timeline: string;
  /** Whether the archive holds something of after the question: then any moment before can be a target. */
  marked: boolean;
}

/** The cluster of this name; without a name, the only one. @throws Problem (exit 2). */
export function clusterOf(topology: Topology, name: string | undefined): Cluster {
  const found =
    name === undefined && topology.clusters.length === 1
      ? topology.clusters[0]
      : topology.clusters.find((cluster) => cluster.name === name);
  if (found) return found;
  throw new Problem({
    happened:
      name === undefined
        ? `${topology.stack} has several clusters.`
        : `${topology.stack} has no cluster "${name}".`,
    left: "Nothing was touched.",
    todo: [`Give --cluster: ${topology.clusters.map((cluster) => cluster.name).join(", ")}`],
    exitCode: 2,
  });
}

/**
 * What can be known beforehand: the backup to begin with, and where the log goes on from there. A stack that runs is
 * asked, and its archive is brought up to now; where it does not answer (it may be lost), the bucket is read.
 * @throws Problem (exit 2) where the target cannot be reached.
 */
export async function planRestore(
  topology: Topology,
  cluster: Cluster,
  target: Target,
  ctx: OperationContext,
  chosen: ChosenRepository,
): Promise<Way> {
  await using world = openWorld(topology, { unavailable: "a restore does not ask it" }, ctx);
  const repository = await readRepository(world, cluster, chosen, ctx);
  const end = await endOfLog(world, cluster);
  using store = openStore(topology, ctx.onLine);
  const [points, branches] = await Promise.all([
    readPoints(store, cluster.name),
    readBranches(store, cluster.name),
  ]);
  return {
    backup: chooseBackup(repository, target, points, new Date(), { branches, end }),
    timeline: timelineTo(momentOf(target, points), branches),
    marked: await markIfPossible(world, cluster, chosen.number, ctx),
  };
}

async function readRepository(
  world: World,
  cluster: Cluster,
  { bucket, number }: ChosenRepository,
  ctx: OperationContext,
): Promise<Repository> {
  const member = world.topology.machines.find((machine) => cluster.members.includes(machine.name))!;
  let info: string;
  try {
    info = await world.run(member, backupInfoCommand(cluster.backupStanza, number));
  } catch (error) {
    ctx.signal.throwIfAborted();
    ctx.onLine(
      `${member.name} does not answer (${messageOf(error).split("\n")[0]}): the bucket is read instead`,
    );
    return await readBucket(bucket, cluster.backupStanza, cipherOf(world.topology, cluster));
  }
  return parseRepository(info, cluster.backupStanza);
}

/** Null where the primary is gone. */
async function endOfLog(world: World, cluster: Cluster): Promise<string | null> {
  try {
    return await sqlOn(world, await leaderOf(world, cluster), "SELECT pg_current_wal_insert_lsn()");
  } catch {
    return null;
  }
}

/** A primary that is gone, or an archive that does not take anything, must not keep anybody from restoring. */
async function markIfPossible(
  world: World,
  cluster: Cluster,
  repository: number,
  ctx: OperationContext,
): Promise<boolean> {
  try {
    await markArchive(world, await leaderOf(world, cluster), cluster, [repository]);
    return true;
  } catch (error) {
    ctx.signal.throwIfAborted();
    ctx.onLine(
      `warning: the newest of ${cluster.name} could not be archived: ${messageOf(error).split("\n")[0]}`,
    );
    return false;
  }
}

async function databasesOn(
  session: Parameters<typeof run>[0],
  ctx: OperationContext,
): Promise<RestoreReport["databases"]> {
  const { psql } = await import("./archive.ts");
  const sql =
    "SELECT coalesce(json_agg(json_build_object('name', datname, 'bytes', pg_database_size(oid)) ORDER BY datname), '[]') " +
    "FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres'";
  return JSON.parse(await run(session, psql(sql), ctx)) as RestoreReport["databases"];
}
