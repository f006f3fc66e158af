import { setTimeout as sleep } from "node:timers/promises";
import { type PatroniCluster, PatroniError } from "../../../clients/patroni.ts";
import { visitorOf } from "../../../clients/ssh/visitor.ts";
import { connect, SshError, SshLost } from "../../../clients/ssh.ts";
import type { StoredCluster } from "./inputs.ts";
import { Remote } from "./remote.ts";

const PAUSE_MS = 250;
/** A member that does not answer within this is passed over in this round; another may be up. */
const ROUND_MS = 5_000;
/** And one that takes connections within this: the next one may be less busy. */
const BUSY_ROUND_MS = 20_000;

export interface WaitOptions {
  signal: AbortSignal;
  /** When to give up, as Date.now(). */
  end: number;
  /** When to give up on members that run, but are too busy to answer; `end` if left out. */
  busyEnd?: number;
  onWait: (line: string) => void;
  /** What people should know afterwards, too. */
  onWarning: (line: string) => void;
}

/** Connections to the members of one cluster, made when they are needed. */
export class Members {
  readonly #cluster: StoredCluster;
  readonly #remotes = new Map<string, Remote>();

  constructor(cluster: StoredCluster) {
    this.#cluster = cluster;
  }

  /** Members that enter the cluster come last: they may not answer yet. */
  get names(): string[] {
    const joining = (name: string) => Number(this.#cluster.members[name]?.joining ?? false);
    return Object.keys(this.#cluster.members).sort((a, b) => joining(a) - joining(b));
  }

  async remote(
    name: string,
    options: { signal: AbortSignal; deadlineMs: number; busyMs?: number },
  ): Promise<Remote> {
    const known = this.#remotes.get(name);
    if (known !== undefined && !known.session.isClosed) return known;
    const member = this.#cluster.members[name];
    if (member === undefined) throw new Error(`${name} is no member of the cluster ${this.#cluster.name}`);
    const target = { ...member.connection, hostKeys: [member.hostKey], visitor: visitorOf() };
    const session = await connect(target, { ...options, refusalMs: 0 });
    const remote = new Remote(session, this.#cluster.patroni);
    this.#remotes.set(name, remote);
    return remote;
  }

  close(): void {
    for (const remote of this.#remotes.values()) remote.session.close();
  }
}

/** Members as they are asked. */
export type Reachable = Pick<Members, "names" | "remote">;

/** Nobody leads the cluster, or nobody can be asked. */
export class NoLeader extends Error {
  /** Nobody said that there is none: members that run were too busy to answer. */
  readonly busy: boolean;
  constructor(message: string, busy = false) {
    super(message);
    this.name = "NoLeader";
    this.busy = busy;
  }
}

/** What one round of asking gave: the cluster as a member sees it, or why nobody could say. */
export type Sighting = { cluster: PatroniCluster } | { reason: string; busy?: boolean };

/** The leader's name if it can be worked with, else why not. Pure. */
export function leaderOf(sighting: Sighting, members: string[]): { leader: string } | { reason: string } {
  if ("reason" in sighting) return sighting;
  const leader = sighting.cluster.members.find((member) => member.role === "leader");
  if (leader === undefined) {
    const states = sighting.cluster.members.map((member) => `${member.name} ${member.state}`);
    return { reason: `no leader yet; ${states.length === 0 ? "no members" : states.join(", ")}` };
  }
  if (!members.includes(leader.name)) {
    return { reason: `the leader is ${leader.name}, which is not among the declared members` };
  }
  if (leader.state !== "running") return { reason: `the leader ${leader.name} is ${leader.state}` };
  return { leader: leader.name };
}

/**
 * Waits until the cluster has a leader that runs, and connects to it. Past the deadline: an error with what was
 * seen last and the journal of the members' Patroni.
 */
export async function findLeader(
  members: Reachable,
  options: WaitOptions,
): Promise<{ name: string; remote: Remote; cluster: PatroniCluster }> {
  const begin = Date.now();
  let shown = 0;
  for (;;) {
    options.signal.throwIfAborted();
    const sighting = await look(members, options);
    const found = leaderOf(sighting, members.names);
    const reached = "leader" in found ? await reach(members, found.leader, options) : null;
    if (reached && "remote" in reached && "leader" in found && "cluster" in sighting)
      return { name: found.leader, remote: reached.remote, cluster: sighting.cluster };
    const missed = reached && "reason" in reached ? reached : null;
    const reason = missed?.reason ?? ("reason" in found ? found.reason : "");
    const busy = missed?.busy ?? ("busy" in sighting && sighting.busy === true);
    if (Date.now() >= (busy ? (options.busyEnd ?? options.end) : options.end))
      throw new NoLeader(await noLeader(members, reason, begin, options.signal), busy);
    const seconds = Math.floor((Date.now() - begin) / 1000);
    if (seconds > shown) options.onWait(`waiting for a leader ${seconds} s (${reason})`);
    shown = seconds;
    await sleep(PAUSE_MS);
  }
}

/**
 * Connects to the leader. One that went without a word keeps its lead for some seconds, until another one takes it: that
 * is a reason to look again.
 */
async function reach(
  members: Reachable,
  name: string,
  options: WaitOptions,
): Promise<{ remote: Remote } | { reason: string; busy: boolean }> {
  try {
    return { remote: await members.remote(name, patience(options)) };
  } catch (error) {
    options.signal.throwIfAborted();
    if (!(error instanceof SshError) || error.kind !== "unreachable") throw error;
    return { reason: `the leader ${name} cannot be reached: ${firstLine(error)}`, busy: isBusy(error) };
  }
}

/** How long a member is tried in one round. */
function patience(options: WaitOptions) {
  return {
    signal: options.signal,
    deadlineMs: Math.min(ROUND_MS, remaining(options)),
    busyMs: Math.min(BUSY_ROUND_MS, Math.max(0, (options.busyEnd ?? 0) - Date.now())),
  };
}

/** Asks one member after the other until one can say how the cluster is. */
async function look(members: Reachable, options: WaitOptions): Promise<Sighting> {
  const reasons: string[] = [];
  let busy = false;
  for (const name of members.names) {
    try {
      const remote = await members.remote(name, patience(options));
      return { cluster: await remote.patroni.cluster(options.signal) };
    } catch (error) {
      options.signal.throwIfAborted();
      if (error instanceof SshError && error.kind !== "unreachable") throw error;
      busy ||= isBusy(error);
      reasons.push(`${name}: ${firstLine(error)}`);
    }
  }
  return { reason: reasons.join("; "), busy };
}

/** Whether it runs, but came to no answer in its time. */
export function isBusy(error: unknown): boolean {
  if (error instanceof NoLeader) return error.busy;
  if (error instanceof SshError) return error.kind === "unreachable" && error.answered;
  return error instanceof SshLost || (error instanceof PatroniError && /timed out/i.test(error.message));
}

async function noLeader(
  members: Reachable,
  reason: string,
  begin: number,
  signal: AbortSignal,
): Promise<string> {
  const seconds = Math.round((Date.now() - begin) / 1000);
  const lines = [`The cluster has no working leader after ${seconds} s: ${reason}. Nothing was changed.`];
  for (const name of members.names) lines.push(...(await journalOf(members, name, signal)));
  return lines.join("\n");
}

/** The last lines of a member's Patroni, or why they cannot be had. */
export async function journalOf(members: Reachable, name: string, signal: AbortSignal): Promise<string[]> {
  try {
    const remote = await members.remote(name, { signal, deadlineMs: 0 });
    const command = "journalctl --no-pager -q -o short-iso -n 15 -u patroni.service";
    const { stdout } = await remote.script(command, signal);
    const shown = stdout
      .trimEnd()
      .split("\n")
      .map((line) => `  ${line}`);
    return [`Journal of patroni.service on ${name}:`, ...shown];
  } catch (error) {
    return [`${name}: ${firstLine(error)}`];
  }
}

function remaining(options: WaitOptions): number {
  return Math.max(0, options.end - Date.now());
}

export function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0] ?? "";
}
