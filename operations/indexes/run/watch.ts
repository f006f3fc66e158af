import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "pg";
import { messageOf } from "../../../toolchain/problem.ts";
import { type Progress, progressLine } from "./progress.ts";

/** Watches one long statement from a second session. */
export interface Watch {
  /** Who was last seen in its way. */
  holder(): string | null;
  /** Why it was stopped; null where it was not. */
  stopped(): string | null;
  end(): Promise<void>;
}

export interface Watcher {
  /** A session of the same role, which may stop the other's statement. */
  client: Client;
  /** The server's process that builds. */
  pid: number;
  /** A reason to stop, asked now and then; null: go on. */
  reasonToStop(): Promise<string | null>;
  onLine(line: string): void;
}

/** How often the server is asked (milliseconds). */
const interval = 500;

const question = `SELECT phase, blocks_done::float8 AS "blocksDone", blocks_total::float8 AS "blocksTotal",
  tuples_done::float8 AS "tuplesDone", tuples_total::float8 AS "tuplesTotal"
FROM pg_stat_progress_create_index WHERE pid = $1`;

const blockers = `SELECT b.pid, coalesce(nullif(a.application_name, ''), a.usename) AS name, a.state,
  round(extract(epoch FROM clock_timestamp() - a.xact_start))::int AS seconds
FROM (SELECT unnest(pg_blocking_pids($1)) AS pid
  UNION SELECT current_locker_pid FROM pg_stat_progress_create_index WHERE pid = $1 AND current_locker_pid > 0) b
LEFT JOIN pg_stat_activity a ON a.pid = b.pid LIMIT 1`;

/** Begins to watch; says something where there is something new to say. @param title As "idx_orders". */
export function watch(title: string, { client, pid, reasonToStop, onLine }: Watcher): Watch {
  let holder: string | null = null;
  let stopped: string | null = null;
  let told = "";
  const end = new AbortController();
  const tell = (line: string | null) => {
    if (line === null || line === told) return;
    told = line;
    onLine(`  ${title}: ${line}`);
  };
  const look = async () => {
    const reason = stopped === null ? await reasonToStop() : null;
    if (reason !== null && !end.signal.aborted) {
      stopped = reason;
      await client.query("SELECT pg_cancel_backend($1)", [pid]);
      tell(`stopped, ${reason}`);
    }
    const [progress] = (await client.query<Progress>(question, [pid])).rows;
    const [blocker] = (await client.query<Blocker>(blockers, [pid])).rows;
    if (end.signal.aborted) return;
    if (blocker) holder = blockerText(blocker);
    tell(blocker ? `waits for ${processText(blocker)}` : progress ? progressLine(progress) : null);
  };
  const loop = (async () => {
    for (;;) {
      await sleep(interval, undefined, { signal: end.signal }).catch(() => {});
      if (end.signal.aborted) return;
      await look().catch((error) => tell(`cannot be watched: ${messageOf(error)}`));
    }
  })();
  return {
    holder: () => holder,
    stopped: () => stopped,
    end: async () => {
      end.abort();
      await loop;
    },
  };
}

interface Blocker {
  pid: number;
  name: string | null;
  state: string | null;
  seconds: number | null;
}

function processText({ pid, name }: Blocker): string {
  return `process ${pid}${name ? ` (${name})` : ""}`;
}

function blockerText({ pid, name, state, seconds }: Blocker): string {
  const since = seconds === null ? null : `its transaction is ${seconds} s old`;
  const known = [name, state, since].filter(Boolean).join(", ");
  return `process ${pid}${known ? ` (${known})` : ""}`;
}
