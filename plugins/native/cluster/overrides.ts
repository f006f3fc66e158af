import { z } from "zod";
import { firstLine, type Members, type WaitOptions } from "./leader.ts";
import type { Remote } from "./remote.ts";
import { name as identifier } from "./sql.ts";

/**
 * Settings that somebody made with ALTER SYSTEM. They stand in a file that PostgreSQL reads last, so they win over all
 * that is declared, and Patroni knows nothing of them. Each member has its own.
 */
export interface Override {
  member: string;
  name: string;
  value: string;
}

/** Belong to Patroni and to a restore, which write them into the same file. */
const foreign = [
  "primary_conninfo",
  "primary_slot_name",
  "restore_command",
  "archive_cleanup_command",
  "recovery_end_command",
  "recovery_min_apply_delay",
  "recovery_target",
  "recovery_target_action",
  "recovery_target_inclusive",
  "recovery_target_lsn",
  "recovery_target_name",
  "recovery_target_time",
  "recovery_target_timeline",
  "recovery_target_xid",
];

/** One row of JSON: name to value, as they stand in the file. */
export const overridesSql = `SELECT coalesce(json_object_agg(name, setting), '{}') FROM pg_file_settings
WHERE sourcefile LIKE '%/postgresql.auto.conf' AND lower(name) <> ALL ('{${foreign.join(",")}}');
`;

export function parseOverrides(member: string, output: string): Override[] {
  const found = z.record(z.string(), z.string()).parse(JSON.parse(output));
  return Object.entries(found).map(([name, value]) => ({ member, name, value }));
}

export function resetSql(overrides: Override[]): string {
  // Each on its own: ALTER SYSTEM does not run in a transaction.
  const lines = overrides.map(({ name }) => `ALTER SYSTEM RESET ${qualified(name)};`);
  return `${lines.join("\n")}\nSELECT pg_reload_conf();\n`;
}

/** A setting of an extension has its name in two parts. */
function qualified(setting: string): string {
  return setting.split(".").map(identifier).join(".");
}

const REACH_MS = 5_000;

/** What stands on all members that run; one that cannot be asked is left out and told of. */
export async function readOverrides(
  members: Members,
  leader: Remote,
  options: WaitOptions,
): Promise<Override[]> {
  const cluster = await leader.patroni.cluster(options.signal);
  const running = cluster.members.filter(({ state }) => state === "running" || state === "streaming");
  const names = members.names.filter((name) => running.some((member) => member.name === name));
  const found = await Promise.all(names.map((name) => overridesOf(members, name, options)));
  return found.flat();
}

async function overridesOf(members: Members, name: string, options: WaitOptions): Promise<Override[]> {
  const { signal } = options;
  try {
    const remote = await members.remote(name, { signal, deadlineMs: REACH_MS });
    return parseOverrides(name, await remote.psql(overridesSql, "postgres", signal));
  } catch (error) {
    signal.throwIfAborted();
    options.onWarning(`${name} could not be asked about settings by ALTER SYSTEM: ${firstLine(error)}`);
    return [];
  }
}

/** Takes them all back, so that what is declared is in force again. */
export async function resetOverrides(members: Members, leader: Remote, options: WaitOptions): Promise<void> {
  const all = await readOverrides(members, leader, options);
  for (const member of new Set(all.map((one) => one.member))) {
    const own = all.filter((one) => one.member === member);
    options.onWait(`taking back ALTER SYSTEM on ${member}: ${own.map(({ name }) => name).join(", ")}`);
    const remote = await members.remote(member, { signal: options.signal, deadlineMs: REACH_MS });
    await remote.psql(resetSql(own));
  }
}
