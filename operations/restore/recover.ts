import { setTimeout as sleep } from "node:timers/promises";
import type { SshSession } from "../../clients/ssh.ts";
import { postgresBin, postgresData } from "../../roles/paths.ts";
import { Problem } from "../../toolchain/problem.ts";
import { interrupted, type OperationContext } from "../context.ts";
import type { Cluster } from "../topology.ts";
import { psql } from "./archive.ts";
import { type Reached, reachedIn, stoppedBefore } from "./reached.ts";
import { SCRATCH_FOLDER, SCRATCH_UNIT } from "./scratchManifest.ts";
import { restoreOptions, type Target, targetText } from "./target.ts";

export interface Recovered {
  reached: Reached;
  /** The time that the first transaction carries which was left out; null where none was. */
  stopped: string | null;
}

/** How often PostgreSQL is asked whether it is there (milliseconds). */
const interval = 300;

/**
 * Restores a backup on the machine of this session and replays the log up to the target. What an interrupted run
 * restored already is taken over (delta). Returns when PostgreSQL takes connections.
 */
export async function recover(
  session: SshSession,
  cluster: Cluster,
  target: Target,
  set: string | null,
  ctx: OperationContext,
  timeline = "latest",
): Promise<Recovered> {
  await run(session, `systemctl stop ${SCRATCH_UNIT}`, ctx);
  await restore(session, cluster, restoreOptions(target, set, timeline), { set, target }, ctx);
  const failed = await start(session, cluster, ctx);
  if (failed === null) return await reached(session, ctx);
  if (
    target.type === "time" &&
    failed.includes("recovery ended before configured recovery target was reached")
  ) {
    // Nothing was committed after that moment, as far as the archive goes: all that it has is what is asked for.
    ctx.onLine(`the archive has no transaction after ${targetText(target)}: all of it is replayed`);
    const all = { type: "latest" } as const;
    await restore(session, cluster, restoreOptions(all, set, timeline), { set, target: all }, ctx);
    const again = await start(session, cluster, ctx);
    if (again === null) return await reached(session, ctx);
    throw notStarted(again);
  }
  throw notStarted(failed);
}

/** Runs a command as root. @throws Problem with its last words where it fails. */
export async function run(session: SshSession, command: string, ctx: OperationContext): Promise<string> {
  const { code, stdout, stderr } = await session.exec(command, { signal: ctx.signal });
  if (code === 0) return stdout;
  throw new Problem({
    happened: `On the throw-away machine, \`${command.trim().split("\n")[0]!.slice(0, 70)}\` failed (exit ${code}).`,
    details: `${stdout}\n${stderr}`.trim().split("\n").slice(-12),
    left: "The stack itself was not touched.",
    todo: ["Put right what it says, then run it again."],
  });
}

async function restore(
  session: SshSession,
  cluster: Cluster,
  chosen: string[],
  { set, target }: { set: string | null; target: Target },
  ctx: OperationContext,
): Promise<void> {
  const options = [`--stanza=${cluster.backupStanza}`, "--delta", "--archive-mode=off", ...chosen].map(
    (option) => `'${option}'`,
  );
  const start = Date.now();
  ctx.onLine(`restoring ${set ?? "the newest backup"} (pgBackRest)`);
  await run(session, `runuser -u postgres -- pgbackrest ${options.join(" ")} restore`, ctx);
  await run(session, limits(cluster), ctx);
  ctx.onLine(
    `files are restored (${((Date.now() - start) / 1000).toFixed(1)} s); replaying the log up to ${targetText(target)}`,
  );
}

/** Replaying needs these at least as large as they were; the control file has them (PostgreSQL 17, 26.4.3). */
function limits({ postgresVersion: version }: Cluster): string {
  return [
    `${postgresBin(version)}/pg_controldata -D ${postgresData(version)}`,
    "sed -n 's/^\\(max_[a-z_]*\\) setting: *\\([0-9]*\\)$/\\1 = \\2/p'",
    `sed 's/max_prepared_xacts/max_prepared_transactions/; s/max_locks_per_xact/max_locks_per_transaction/' > ${SCRATCH_FOLDER}/limits.conf`,
  ].join(" | ");
}

/** Starts PostgreSQL and waits for the end of recovery. @returns its last words where it did not come up. */
async function start(session: SshSession, cluster: Cluster, ctx: OperationContext): Promise<string | null> {
  await run(
    session,
    `systemctl reset-failed ${SCRATCH_UNIT} 2>/dev/null; systemctl daemon-reload; systemctl start --no-block ${SCRATCH_UNIT}`,
    ctx,
  );
  const begin = Date.now();
  for (let told = 0; ; ) {
    if (ctx.signal.aborted)
      throw interrupted("The restore was stopped; the stack was not touched.", "Run it again.");
    const { stdout } = await session.exec(
      `systemctl show -P ActiveState ${SCRATCH_UNIT}; ${psql("SELECT pg_is_in_recovery(), pg_last_wal_replay_lsn()")} 2>/dev/null`,
      { signal: ctx.signal },
    );
    const [state, answer = ""] = stdout.trim().split("\n");
    if (answer.startsWith("f|")) return null;
    if (state === "failed" || state === "inactive") return await journal(session, ctx);
    const seconds = Math.floor((Date.now() - begin) / 10_000) * 10;
    if (seconds > told) {
      told = seconds;
      ctx.onLine(
        `replaying the log of ${cluster.name} ${seconds} s${answer ? `, at ${answer.split("|")[1]}` : ""}`,
      );
    }
    await sleep(interval);
  }
}

async function reached(session: SshSession, ctx: OperationContext): Promise<Recovered> {
  const words = await journal(session, ctx);
  return { reached: reachedIn(words), stopped: stoppedBefore(words) };
}

async function journal(session: SshSession, ctx: OperationContext): Promise<string> {
  return await run(
    session,
    `journalctl _SYSTEMD_INVOCATION_ID=$(systemctl show -P InvocationID ${SCRATCH_UNIT}) -o cat --no-pager`,
    ctx,
  );
}

function notStarted(words: string): Problem {
  return new Problem({
    happened: "The restored database did not come up.",
    details: words.trim().split("\n").slice(-15),
    left: "The stack itself was not touched.",
    todo: ["Look at what it says; another target or another backup may work (npx phasewise backups)."],
  });
}
