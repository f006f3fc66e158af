import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { Problem } from "../../../toolchain/problem.ts";
import type { OperationContext } from "../../context.ts";
import type { Machines } from "../../machines.ts";
import type { Cluster, Machine } from "../../topology.ts";
import { psql } from "../archive.ts";
import { type Reached, reachedIn, stoppedBefore } from "../reached.ts";
import { type Places, REPLAY_UNIT } from "./places.ts";
import { limitsCommand, type ReplayTarget, replaySettings } from "./replaySettings.ts";

const POLL_MS = 300;
/** What PostgreSQL says where the archive ends before a moment that was asked for. */
const NOTHING_AFTER = "recovery ended before configured recovery target was reached";

export interface Place {
  machines: Machines;
  cluster: Cluster;
  machine: Machine;
  places: Places;
}

/** How a replay ended. */
export interface Replayed extends Reached {
  /** The time that the first transaction carries which was left out; null where none was. */
  stopped: string | null;
  /** The timeline that was begun, the one that it goes on from, and where. */
  timeline: number;
  before: number;
  forkLsn: string;
  /** The timeline that was in use until the restore. */
  left: number;
}

/**
 * Replays the log over the data that is there, up to the target, as a unit of its own: PostgreSQL begins a new
 * timeline, its log goes into the archive, and it is ended again. A replay that is under way is followed.
 */
export async function replayTo(place: Place, replay: ReplayTarget, ctx: OperationContext): Promise<Replayed> {
  const { machines, machine, places } = place;
  const known = await replayedBefore(place);
  if (known) {
    await end(place);
    return known;
  }
  const failed = await come(place, replay, ctx);
  if (failed !== null) {
    if (!failed.includes(NOTHING_AFTER) || replay.target.recovery_target_time === undefined)
      throw notStarted(failed);
    // Nothing was committed after that moment, as far as the archive goes: all that it has is what is asked for.
    ctx.onLine("  the archive has no transaction after that moment: all of it is replayed");
    const again = await come(place, { ...replay, target: {} }, ctx);
    if (again !== null) throw notStarted(again);
  }
  const words = await machines.run(machine, `cat ${places.work}/replay.log`);
  const timeline = Number(
    await machines.run(machine, psql("SELECT timeline_id FROM pg_control_checkpoint()")),
  );
  const replayed = {
    ...reachedIn(words),
    stopped: stoppedBefore(words),
    ...(await forkOf(place, timeline)),
  };
  // Before it is ended: once it has a timeline of its own, the target lies behind it.
  const write = `cat > ${places.work}/replayed.part && sync ${places.work}/replayed.part && mv ${places.work}/replayed.part ${places.work}/replayed.json`;
  await machines.run(machine, write, JSON.stringify(replayed));
  await end(place);
  return replayed;
}

/** What an earlier run came to; null where none came to its end. */
export async function replayedBefore({ machine, machines, places }: Place): Promise<Replayed | null> {
  const text = (await machines.run(machine, `cat ${places.work}/replayed.json 2>/dev/null || true`)).trim();
  return text === "" ? null : replayedSchema.parse(JSON.parse(text));
}

const replayedSchema = z.object({
  time: z.string().nullable(),
  lsn: z.string().nullable(),
  stopped: z.string().nullable().default(null),
  timeline: z.number(),
  before: z.number(),
  forkLsn: z.string(),
  left: z.number(),
});

/** Ended in order: its last segment is in the archive then. */
async function end({ machine, machines }: Place): Promise<void> {
  await machines.run(
    machine,
    `systemctl stop ${REPLAY_UNIT} 2>/dev/null; ! pgrep -u postgres -x postgres > /dev/null`,
  );
}

/** Starts PostgreSQL and waits for the end of recovery. @returns its last words where it did not come up. */
async function come(place: Place, replay: ReplayTarget, ctx: OperationContext): Promise<string | null> {
  const { machines, machine, places } = place;
  if (!(await isActive(place))) {
    await prepare(place, replay);
    await machines.run(machine, startCommand(places));
  }
  const begin = Date.now();
  for (let told = 0; ; ) {
    ctx.signal.throwIfAborted();
    const asked = `${psql("SELECT pg_is_in_recovery(), pg_last_wal_replay_lsn()")} 2>/dev/null || true`;
    const answer = (await machines.run(machine, asked)).trim();
    if (answer.startsWith("f|")) break;
    if (!(await isActive(place))) return await machines.run(machine, `tail -n 25 ${places.work}/replay.log`);
    const seconds = Math.floor((Date.now() - begin) / 10_000) * 10;
    if (seconds > told) ctx.onLine(`  replaying ${seconds} s${answer && `, at ${answer.split("|")[1]}`}`);
    told = Math.max(told, seconds);
    await sleep(POLL_MS);
  }
  // The new timeline stands in the control file with the first checkpoint on it.
  await machines.run(machine, psql("CHECKPOINT"));
  return null;
}

async function isActive({ machine, machines }: Place): Promise<boolean> {
  const state = (await machines.run(machine, `systemctl is-active ${REPLAY_UNIT} || true`)).trim();
  return ["active", "activating", "deactivating", "reloading"].includes(state);
}

async function prepare({ cluster, machine, machines, places }: Place, replay: ReplayTarget): Promise<void> {
  const { data, work } = places;
  const text = replaySettings(cluster, places, replay);
  await machines.run(
    machine,
    [
      "set -e",
      `install -d -o postgres -g postgres -m 0700 ${work}`,
      `cat > ${work}/postgresql.conf`,
      `echo "include_if_exists = '${work}/limits.conf'" >> ${work}/postgresql.conf`,
      `echo 'local all postgres peer' > ${work}/pg_hba.conf`,
      `: > ${work}/pg_ident.conf`,
      limitsCommand(places),
      `sed -i '/^\\(restore_command\\|recovery_target\\)/d' ${data}/postgresql.auto.conf`,
      // No standby: it ends recovery by itself.
      `rm -f ${data}/standby.signal && touch ${data}/recovery.signal`,
      `: > ${work}/replay.log`,
      `touch ${work}/replay-begun`,
      `chown postgres:postgres ${work}/* ${data}/recovery.signal`,
    ].join("\n"),
    text,
  );
}

function startCommand({ bin, data, work }: Places): string {
  return [
    `systemctl reset-failed ${REPLAY_UNIT} 2>/dev/null;`,
    `systemd-run --quiet --collect --no-block --unit=${REPLAY_UNIT} -p User=postgres -p Type=notify`,
    "-p KillMode=mixed -p KillSignal=SIGINT -p TimeoutStartSec=infinity -p TimeoutStopSec=5min",
    "-p RuntimeDirectory=postgresql -p RuntimeDirectoryPreserve=yes",
    `-p StandardOutput=append:${work}/replay.log -p StandardError=append:${work}/replay.log`,
    `${bin}/postgres -D ${data} -c config_file=${work}/postgresql.conf`,
    // On the command line, since postgresql.auto.conf is read after the file.
    "-c listen_addresses= -c ssl=off -c archive_mode=on -c primary_conninfo= -c synchronous_standby_names=",
    "-c logging_collector=off",
    // It is on its way before the next question.
    `&& sleep 0.2`,
  ].join(" ");
}

/** A timeline's history file names the one before it and where it was left. */
async function forkOf(
  { machine, machines, places }: Place,
  timeline: number,
): Promise<Pick<Replayed, "timeline" | "before" | "forkLsn" | "left">> {
  const name = `${timeline.toString(16).toUpperCase().padStart(8, "0")}.history`;
  const text = await machines.run(machine, `grep -E '^[0-9]' ${places.data}/pg_wal/${name}`);
  const [before = "", forkLsn = ""] = text.trim().split("\n").at(-1)!.split(/\s+/);
  const noted = (await machines.run(machine, `cat ${places.work}/left 2>/dev/null || true`)).trim();
  return { timeline, before: Number(before), forkLsn, left: Number(noted || before) };
}

function notStarted(words: string): Problem {
  return new Problem({
    happened: "The restored database did not come up.",
    details: words.trim().split("\n").slice(-15),
  });
}
