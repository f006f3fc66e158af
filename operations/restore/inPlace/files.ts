import { setTimeout as sleep } from "node:timers/promises";
import { quote } from "../../../clients/ssh/quote.ts";
import { Problem } from "../../../toolchain/problem.ts";
import type { OperationContext } from "../../context.ts";
import { FILES_UNIT } from "./places.ts";
import type { Place } from "./replay.ts";

const POLL_MS = 500;

/**
 * Fetches a backup over the data that is there, as a unit of its own. Files that have not changed since are left as
 * they are (delta), whatever an interrupted run fetched already among them.
 */
export async function fetchBackup(
  place: Place,
  backup: { label: string; repository: number },
  ctx: OperationContext,
): Promise<void> {
  const { machine, machines } = place;
  if (!(await isActive(place))) await machines.run(machine, startCommand(place, backup));
  const begin = Date.now();
  for (let told = 0; await isActive(place); await sleep(POLL_MS)) {
    ctx.signal.throwIfAborted();
    const seconds = Math.floor((Date.now() - begin) / 10_000) * 10;
    if (seconds > told) ctx.onLine(`  fetching ${seconds} s`);
    told = Math.max(told, seconds);
  }
  if (await hasBackup(place)) return;
  const words = await machines.run(machine, `tail -n 12 ${place.places.work}/files.log`);
  throw new Problem({
    happened: `The backup ${backup.label} could not be restored on ${machine.name}.`,
    details: words.trim().split("\n"),
  });
}

/** Whether all files are there. */
export async function hasBackup({ machine, machines, places }: Place): Promise<boolean> {
  return (
    (await machines.run(machine, `[ -e ${places.work}/files.done ] && echo yes || true`)).trim() === "yes"
  );
}

async function isActive({ machine, machines }: Place): Promise<boolean> {
  const state = (await machines.run(machine, `systemctl is-active ${FILES_UNIT} || true`)).trim();
  return ["active", "activating", "deactivating"].includes(state);
}

/**
 * pgBackRest compares with what is there only where that is recognizable as a database: what is not is removed first.
 * No recovery settings are written (type none): replaying is a step of its own.
 */
function startCommand(
  { cluster, places: { data, work } }: Place,
  { label, repository }: { label: string; repository: number },
): string {
  const restore = `pgbackrest --stanza=${cluster.backupStanza} --repo=${repository} --delta --type=none --set=${label} restore`;
  const script = [
    "set -e",
    `if [ ! -e ${data}/PG_VERSION ] && [ ! -e ${data}/backup.manifest ]; then find ${data} -mindepth 1 -delete; fi`,
    `rm -f ${data}/postmaster.pid`,
    restore,
    `touch ${work}/files.done`,
  ].join("\n");
  return [
    `install -d -o postgres -g postgres -m 0700 ${work} &&`,
    `systemctl reset-failed ${FILES_UNIT} 2>/dev/null;`,
    `systemd-run --quiet --collect --unit=${FILES_UNIT} -p User=postgres`,
    `-p StandardOutput=truncate:${work}/files.log -p StandardError=append:${work}/files.log`,
    `/bin/sh -c ${quote(script)}`,
  ].join(" ");
}
