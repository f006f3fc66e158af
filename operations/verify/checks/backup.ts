import { type BackupState, newestBackup } from "../../../roles/backupInfo.ts";
import { backupInfoCommand, backupUnit, VERIFY_UNIT } from "../../../roles/pgbackrest.ts";
import { repositoriesOf } from "../../restore/repositories.ts";
import type { Cluster, Machine } from "../../topology.ts";
import { type Check, combine, type Finding, type World } from "../check.ts";
import { askMembers, membersOf } from "../members.ts";
import { leaderOf } from "../patroni.ts";
import { withRunbook } from "../runbook.ts";

/** A backup is made each day; while the next one is being made, two hours are left for that. */
const oldestHours = 24;
const graceHours = 2;
/** What pgBackRest says of a repository that answers and holds no backup. */
const empty = "no valid backups";
/** In its first hour a cluster may still be making its first one. */
const firstHour = 3_600_000;

export const backup: Check = {
  name: "backup",
  async run(world) {
    const { clusters, stack } = world.topology;
    const findings = clusters.flatMap((cluster) => [
      ...repositoriesOf(world.topology).map(({ number }) => inspect(world, cluster, number).then(judge)),
      repositoryCheck(world, cluster, stack),
    ]);
    return combine((await Promise.all(findings)).flat());
  },
};

/** What is known of a cluster's backups. */
export interface Inspection {
  /** With the repository, where there are several. */
  cluster: string;
  state: BackupState;
  /** When the cluster was made. */
  made: Date;
  now: Date;
  stack: string;
}

async function inspect(world: World, cluster: Cluster, repository: number): Promise<Inspection> {
  const machine = await leaderOf(world, cluster);
  const [info, maker, made] = await Promise.all([
    world.run(machine, backupInfoCommand(cluster.backupStanza, repository)),
    runningOn(world, cluster),
    ageOf(world, cluster),
  ]);
  const state = newestBackup(info, cluster.backupStanza);
  return {
    cluster: world.topology.buckets.length === 1 ? cluster.name : `${cluster.name}, repository ${repository}`,
    state: { ...state, running: state.running || maker !== null },
    made,
    now: world.now,
    stack: world.topology.stack,
  };
}

/** The member on which a backup is being made now. */
export async function runningOn(world: World, cluster: Cluster): Promise<Machine | null> {
  const members = membersOf(world.topology, cluster);
  const units = [backupUnit("full"), backupUnit("diff")].join(" ");
  // A member that is away makes none.
  const states = await Promise.allSettled(
    members.map((machine) => world.run(machine, `systemctl is-active ${units} || true`)),
  );
  const isMaking = (state: PromiseSettledResult<string>) =>
    state.status === "fulfilled" && state.value.includes("activating");
  return members.find((_, index) => isMaking(states[index]!)) ?? null;
}

/** How the last weekly check of the repository ended, on each member; "success" also where there was none yet. */
async function repositoryCheck(world: World, cluster: Cluster, stack: string): Promise<Finding[]> {
  const { answers, silent } = await askMembers(world, cluster, `systemctl show -P Result ${VERIFY_UNIT}`);
  const results = answers.map((result) => result.trim());
  return [...judgeRepository(cluster.name, results, stack), ...silent];
}

/** Silent where all is well. */
export function judgeRepository(cluster: string, results: string[], stack: string): Finding[] {
  if (results.every((result) => result === "success")) return [];
  return [
    {
      ok: false,
      detail: `${cluster}: the weekly check of the repository found faults`,
      fix: withRunbook(
        `npx phasewise logs ${stack} --unit phasewise-backup-verify tells which; npx phasewise backup ${stack} --type full begins anew`,
        "damaged-backup",
      ),
    },
  ];
}

/** When a cluster was made: the upper half of the identifier is the second in which the cluster was made (xlog.c, BootStrapXLOG). */
export async function ageOf(world: World, cluster: Cluster): Promise<Date> {
  const machine = await leaderOf(world, cluster);
  const identifier = "SELECT system_identifier >> 32 FROM pg_control_system()";
  const second = await world.run(machine, `runuser -u postgres -- psql -XAtq -d postgres -c '${identifier}'`);
  return new Date(Number(second.trim()) * 1000);
}

/** Whether the storage says that there is no such bucket. */
function isGone(status: string): boolean {
  return /\b404\b/.test(status);
}

function anew(stack: string): string {
  return withRunbook(
    `if the bucket is gone, npx phasewise up ${stack} makes it anew, and a full backup begins`,
    "bucket-lost",
  );
}

export function judge({ cluster, state, made, now, stack }: Inspection): Finding {
  const fix = `npx phasewise backup ${stack} makes one now`;
  const repositoryFix = withRunbook(
    `the storage must be reachable, and its keys and the backups' key be the right ones; npx phasewise up ${stack} brings them to the machines`,
    "archive-stuck",
  );
  if (!state.finishedAt) {
    if (!state.running) {
      const detail = `${cluster}: there is no backup (${state.status})`;
      if (isGone(state.status)) return { ok: false, detail, fix: anew(stack) };
      return { ok: false, detail, fix: state.status === empty ? fix : repositoryFix };
    }
    if (now.getTime() - made.getTime() < firstHour)
      return { ok: true, detail: `${cluster}: the first one is being made` };
    return {
      ok: false,
      detail: `${cluster}: the first one has been in the making for more than an hour`,
      fix,
    };
  }
  const hours = (now.getTime() - state.finishedAt.getTime()) / 3_600_000;
  const age = hours < 1 ? `${Math.round(hours * 60)} minutes` : `${Math.round(hours)} hours`;
  const size = `${((state.bytes ?? 0) / 1024 / 1024).toFixed(0)} MB`;
  const detail = `${cluster}: ${state.label}, ${size}, ${age} old`;
  if (state.status !== "ok") {
    return {
      ok: false,
      detail: `${detail}; the repository says: ${state.status}`,
      fix: repositoryFix,
    };
  }
  return hours <= oldestHours + (state.running ? graceHours : 0)
    ? { ok: true, detail }
    : { ok: false, detail, fix };
}
