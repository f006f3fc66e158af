import { setTimeout as sleep } from "node:timers/promises";
import { type BackupState, newestBackup } from "../roles/backupInfo.ts";
import { BACKUP_PROGRAM } from "../roles/backupUnits.ts";
import { BACKUP_SPOOL } from "../roles/paths.ts";
import { backupInfoCommand, backupUnit } from "../roles/pgbackrest.ts";
import { Problem } from "../toolchain/problem.ts";
import { type BackupInfo, parseBackups } from "./backupList.ts";
import { type CacheBackup, readCacheBackups } from "./cacheBackups/list.ts";
import { interrupted, type OperationContext } from "./context.ts";
import type { InRepositories } from "./copies/repositories.ts";
import { repositoriesOf } from "./restore/repositories.ts";
import { type Cluster, type Machine, readDeployed } from "./topology.ts";
import type { World } from "./verify/check.ts";
import { runningOn } from "./verify/checks/backup.ts";
import { membersOf } from "./verify/members.ts";
import { firstOf, leaderOf } from "./verify/patroni.ts";
import { openWorld } from "./verify/world.ts";

/** Exit status of the unit where another backup holds pgBackRest's lock. */
const BUSY = 75;

export type BackupType = "full" | "diff";

/** What the program that makes backups keeps of its last try. */
interface Attempt {
  status?: unknown;
  /** pgBackRest's exit codes, by the repository's number; none of a program from before there were several. */
  results?: Record<string, number>;
}

export interface BackupReport {
  stack: string;
  /** One for each repository. */
  backups: {
    cluster: string;
    repository: number;
    label: string;
    type: string;
    bytes: number;
    /** Of all of a cluster's. */
    seconds: number;
  }[];
}

export interface BackupList {
  stack: string;
  /** One for each cluster and repository. */
  clusters: { cluster: string; repository: number; status: string; backups: BackupInfo[] }[];
  caches: { cache: string; backups: InRepositories<CacheBackup>[] }[];
}

/** Makes a backup of each cluster now, by the member that its timers would choose, and waits for it. */
export async function backupNow(
  stack: string,
  type: BackupType,
  ctx: OperationContext,
): Promise<BackupReport> {
  const { topology } = await readDeployed(stack, ctx);
  await using world = openWorld(topology, { unavailable: "a backup does not ask it" }, ctx);
  const backups = await Promise.all(
    topology.clusters.map((cluster) => backupCluster(world, cluster, type, ctx)),
  );
  return { stack, backups: backups.flat() };
}

/** All backups that the repository holds. */
export async function backupList(stack: string, ctx: OperationContext): Promise<BackupList> {
  const { topology } = await readDeployed(stack, ctx);
  await using world = openWorld(topology, { unavailable: "the list does not ask it" }, ctx);
  const clusters = topology.clusters.flatMap((cluster) =>
    repositoriesOf(topology).map(async ({ number }) => {
      const members = membersOf(topology, cluster);
      const info = await firstOf(members, (machine) =>
        world.run(machine, backupInfoCommand(cluster.backupStanza, number)),
      );
      const { status } = newestBackup(info, cluster.backupStanza);
      const backups = parseBackups(info, cluster.backupStanza);
      return { cluster: cluster.name, repository: number, status, backups };
    }),
  );
  const caches = topology.caches.map(async ({ name }) => ({
    cache: name,
    backups: await readCacheBackups(topology, name, { tell: ctx.onLine }),
  }));
  return { stack, clusters: await Promise.all(clusters), caches: await Promise.all(caches) };
}

async function backupCluster(
  world: World,
  cluster: Cluster,
  type: BackupType,
  ctx: OperationContext,
): Promise<BackupReport["backups"]> {
  const busy = await runningOn(world, cluster);
  if (busy) throw refused(cluster, busy);
  const maker = await makerOf(world, cluster);
  const unit = backupUnit(type);
  const start = Date.now();
  ctx.onLine(`${cluster.name}: a ${type} backup is being made on ${maker.name}`);
  // Started without waiting: the unit goes on where this command or its connection ends.
  const cursor =
    (await world.run(maker, "journalctl -n 0 --show-cursor --no-pager")).match(/cursor: (\S+)/)?.[1] ?? "";
  await world.run(maker, `systemctl start --no-block ${unit}`);
  await follow(world, maker, unit, cursor, ctx);
  // systemd forgets a unit that has ended well, and its exit status with it.
  const attempt = JSON.parse(await world.run(maker, `cat ${BACKUP_SPOOL}/attempt.json`)) as Attempt;
  if (attempt.status === BUSY) throw refused(cluster, null);
  const seconds = Math.round((Date.now() - start) / 100) / 10;
  const made = repositoriesOf(world.topology).map(async ({ number }) => {
    const { bytes, label, type } = await newest(world, maker, cluster, number);
    return { cluster: cluster.name, repository: number, label: label!, type: type!, bytes: bytes!, seconds };
  });
  return Promise.all(made);
}

/** The member that makes backups now, as its own timer would decide. */
async function makerOf(world: World, cluster: Cluster): Promise<Machine> {
  const members = membersOf(world.topology, cluster);
  const name = (await firstOf(members, (machine) => world.run(machine, `${BACKUP_PROGRAM} where`))).trim();
  return members.find((machine) => machine.name === name) ?? leaderOf(world, cluster);
}

function refused(cluster: Cluster, machine: Machine | null): Problem {
  return new Problem({
    happened: `${cluster.name}: another backup is being made${machine ? ` on ${machine.name}` : ""}.`,
    left: "That one goes on; this one was not begun.",
    todo: ["Wait for it: npx phasewise backups lists it when it is done."],
  });
}

/** Passes on what the unit says until it has ended. @throws Problem with its last lines where it failed. */
async function follow(
  world: World,
  machine: Machine,
  unit: string,
  cursor: string,
  ctx: OperationContext,
): Promise<void> {
  let after = cursor;
  for (;;) {
    if (ctx.signal.aborted)
      throw interrupted(
        "The backup goes on on the machine.",
        "npx phasewise backups lists it when it is done.",
      );
    const state = await world.run(machine, `systemctl show -P ActiveState ${unit}`);
    const text = await world.run(
      machine,
      `journalctl -u ${unit} --after-cursor='${after}' --show-cursor --no-pager -o cat`,
    );
    after = text.match(/^-- cursor: (\S+)$/m)?.[1] ?? after;
    for (const line of progressLines(text)) ctx.onLine(`  ${line}`);
    if (state.trim() !== "activating") return judgeEnd(world, machine, unit, state.trim(), cursor);
    await sleep(500);
  }
}

/** What pgBackRest says of its work, without its options and without systemd's own lines. */
export function progressLines(text: string): string[] {
  return text.split("\n").flatMap((line) => {
    const message = /^P\d+\s+(INFO|WARN|ERROR): (.*)$/.exec(line);
    if (!message || /^(backup|expire|stanza-create) command (begin|end)/.test(message[2]!)) return [];
    return [message[1] === "INFO" ? message[2]! : `${message[1]!.toLowerCase()}: ${message[2]}`];
  });
}

async function judgeEnd(
  world: World,
  machine: Machine,
  unit: string,
  state: string,
  cursor: string,
): Promise<void> {
  if (state !== "failed") return;
  const said = await world.run(machine, `journalctl -u ${unit} --after-cursor='${cursor}' --no-pager -o cat`);
  // Without room it could not even write that it was tried.
  const kept = await world.run(machine, `cat ${BACKUP_SPOOL}/attempt.json 2> /dev/null || echo '{}'`);
  throw new Problem({
    happened: `The backup on ${machine.name} failed.`,
    details: whyFailed(said),
    left: whatIsLeft(JSON.parse(kept) as Attempt),
    todo: ["Put right what it says, then make it again."],
  });
}

/**
 * Why, out of all that a failed backup said: pgBackRest tells a refused request with all its headers. Without a word of
 * its own, as where it was killed, the last ten lines.
 */
export function whyFailed(text: string): string[] {
  const all = text.trim().split("\n");
  const told = all.flatMap((line) => {
    const error = /^P\d+\s+ERROR: (.*)$/.exec(line) ?? /^\s*(\w+Error: .*[^:]):?$/.exec(line);
    if (error) return [error[1]!];
    const answer = /<Code>(.*?)<\/Code><Message>(.*?)<\/Message>/.exec(line);
    if (answer) return [`${answer[1]}: ${answer[2]}`];
    return /^Repository \d+:$/.test(line) ? [line] : [];
  });
  const once = [...new Set(told)];
  return once.every((line) => line.startsWith("Repository ")) ? all.slice(-10) : once;
}

/** Of a backup that failed. @param attempt The last one that could be written down. */
export function whatIsLeft({ results = {}, status }: Attempt): string {
  const made = Object.keys(results).filter((repository) => results[repository] === 0);
  return made.length === 0 || status === 0
    ? "Earlier backups are as they were."
    : `Repository ${made.join(", ")} has it; elsewhere earlier backups are as they were.`;
}

async function newest(
  world: World,
  machine: Machine,
  cluster: Cluster,
  repository: number,
): Promise<BackupState> {
  return newestBackup(
    await world.run(machine, backupInfoCommand(cluster.backupStanza, repository)),
    cluster.backupStanza,
  );
}
