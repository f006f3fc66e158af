import { newestBackup } from "../../roles/backupInfo.ts";
import { backupInfoCommand } from "../../roles/pgbackrest.ts";
import { messageOf } from "../../toolchain/problem.ts";
import type { Machines } from "../machines.ts";
import { type ClusterMember, clusterMembers, isStreaming, sql } from "../membership/postgres.ts";
import type { Cluster } from "../topology.ts";
import type { CheckResult } from "../verify/check.ts";

/** What is known of a cluster before a promotion. */
export interface Facts {
  cluster: string;
  members: ClusterMember[];
  /** When the newest backup was finished; null where there is none. */
  newestBackup: Date | null;
  /** The longest open transaction, in seconds. */
  longestTransaction: number;
  databaseBytes: number;
  /** Size of the volumes that new members will have. */
  volumeBytes: number;
  /** Checks of `verify` that failed. */
  failed: Pick<CheckResult, "name" | "detail">[];
  /** Restarts that wait. */
  pending: string[];
  /** Of the whole project at Hetzner. `limit` is null where the settings do not say it. */
  servers: { there: number; coming: number; limit: number | null };
}

/** A backup that is older proves nothing about today (hours). */
const BACKUP_WITHIN = 26;
/** A transaction that has been open for longer would hold clients up, or be cut off (seconds). */
const TRANSACTION_WITHIN = 30;
/** A copy of the data, its log meanwhile and room to work (times the size of the database). */
const ROOM = 1.5;

/** Why a promotion must not begin; all reasons at once. */
export function refusals(facts: Facts, now: Date): string[] {
  const { cluster, databaseBytes, longestTransaction, members, pending, volumeBytes } = facts;
  const broken = members.filter((member) => !member.leader && !isStreaming(member));
  const hours = facts.newestBackup ? (now.getTime() - facts.newestBackup.getTime()) / 3_600_000 : null;
  return [
    ...facts.failed.map(({ name, detail }) => `${name}: ${detail}`),
    ...(members.some((member) => member.leader) ? [] : [`${cluster} has no primary`]),
    ...broken.map(
      ({ lag, name, state }) => `replication to ${name} is broken: it is ${stateText(state, lag)}`,
    ),
    ...(hours === null ? [`${cluster} has no backup`] : []),
    ...(hours !== null && hours > BACKUP_WITHIN
      ? [`the newest backup is ${Math.round(hours)} hours old, ${BACKUP_WITHIN} at most`]
      : []),
    ...(longestTransaction > TRANSACTION_WITHIN
      ? [
          `a transaction has been open for ${Math.round(longestTransaction)} s: clients would wait for it, ${TRANSACTION_WITHIN} s at most`,
        ]
      : []),
    ...(databaseBytes * ROOM > volumeBytes
      ? [
          `the data (${gigabytes(databaseBytes)} GB) needs volumes of ${gigabytes(databaseBytes * ROOM)} GB to be copied to, they have ${gigabytes(volumeBytes)} GB`,
        ]
      : []),
    ...pending.map((one) => `a restart waits: ${one}`),
    ...serverLimit(facts.servers),
  ];
}

export function serverLimit({ coming, limit, there }: Facts["servers"]): string[] {
  if (limit === null || there + coming <= limit) return [];
  return [
    `Hetzner's limit of ${limit} servers would be hit: the project has ${there}, ${coming} come (have it raised in Hetzner's console, then set phasewise:limits.servers)`,
  ];
}

function stateText(state: string, lag: number | null): string {
  return state === "streaming" && lag !== null ? `${state}, ${Math.round(lag / 1024 ** 2)} MB behind` : state;
}

function gigabytes(bytes: number): string {
  return (bytes / 1024 ** 3).toFixed(1);
}

const QUESTION = `SELECT json_build_object(
  'bytes', (SELECT sum(pg_database_size(oid)) FROM pg_database WHERE datallowconn),
  'longest', coalesce((SELECT extract(epoch FROM max(clock_timestamp() - xact_start)) FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()), 0))`;

/** Asks the cluster itself; what `verify` and `rollout` know is added by the caller. */
export async function gather(
  machines: Machines,
  cluster: Cluster,
  known: Pick<Facts, "failed" | "pending" | "servers" | "volumeBytes">,
): Promise<Facts> {
  const members = await clusterMembers(machines, cluster);
  const leader = members.find((member) => member.leader);
  const facts = { cluster: cluster.name, members, ...known };
  if (!leader) return { ...facts, newestBackup: null, longestTransaction: 0, databaseBytes: 0 };
  const machine = machines.named(leader.name);
  const [answer, backups] = await Promise.all([
    sql(machines, machine, QUESTION),
    machines.run(machine, backupInfoCommand(cluster.backupStanza)),
  ]);
  const { bytes, longest } = JSON.parse(answer) as { bytes: number; longest: number };
  return {
    ...facts,
    newestBackup: newestOf(backups, cluster),
    longestTransaction: Math.max(0, Number(longest)),
    databaseBytes: Number(bytes),
  };
}

function newestOf(text: string, cluster: Cluster): Date | null {
  try {
    return newestBackup(text, cluster.backupStanza).finishedAt;
  } catch (error) {
    throw new Error(`the list of backups of ${cluster.name} cannot be read: ${messageOf(error)}`);
  }
}
