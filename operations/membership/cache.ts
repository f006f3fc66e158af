import { setTimeout as sleep } from "node:timers/promises";
import { parseInfo } from "../../clients/redis.ts";
import { PORTS, REDIS_DATA, SENTINEL_DATA } from "../../roles/paths.ts";
import { REDIS_CLI } from "../../roles/redis.ts";
import { SENTINEL_CLI } from "../../roles/sentinel.ts";
import { messageOf } from "../../toolchain/problem.ts";
import type { OperationContext } from "../context.ts";
import { isUnreachable, type Machines } from "../machines.ts";
import type { Cache, Machine } from "../topology.ts";
import { proxyCommand } from "./proxy.ts";

/** One Redis of a cache as it sees itself. */
export interface CacheMember {
  name: string;
  primary: boolean;
  /** A replica that has all data and hears its primary. */
  synced: boolean;
  /** Place in the stream of changes; of a replica, how far it got. */
  offset: number;
  /** Of a replica: the address that it follows. */
  follows: string | null;
}

const PAUSE = 500;
/** A replica that shows no progress for so long is given up (milliseconds). */
const NO_PROGRESS = 120_000;
/** How long writes wait at most while the primary moves (milliseconds): longer than Sentinel needs to turn the old one. */
const HELD_AT_MOST = 20_000;
/** How long a replica may need for what it lacks, and Sentinels to agree on the new primary (milliseconds). */
const CATCH_UP_WITHIN = 5000;
const AGREE_WITHIN = 30_000;

/** @param info What `INFO replication` says. */
export function memberFrom(name: string, info: string): CacheMember {
  const found = parseInfo(info);
  const primary = found.role === "master";
  return {
    name,
    primary,
    synced: !primary && found.master_link_status === "up" && found.master_sync_in_progress === "0",
    offset: Number(primary ? found.master_repl_offset : (found.slave_repl_offset ?? 0)),
    follows: primary ? null : (found.master_host ?? null),
  };
}

/** The members that answer. */
export async function cacheMembers(machines: Machines, cache: Cache): Promise<CacheMember[]> {
  const asked = cache.machines.map(async (name) => {
    try {
      return [await cacheMember(machines, machines.named(name))];
    } catch {
      return [];
    }
  });
  return (await Promise.all(asked)).flat();
}

async function cacheMember(machines: Machines, machine: Machine): Promise<CacheMember> {
  return memberFrom(machine.name, await machines.run(machine, `${REDIS_CLI} -e INFO replication`));
}

/** Where a majority of the Sentinels says that the primary is; without any, the only place. Null: nobody knows. */
export async function cachePrimary(machines: Machines, cache: Cache): Promise<string | null> {
  if (!cache.sentinel) return cache.machines[0] ?? null;
  const asked = cache.sentinel.machines.map(async (name) => {
    const question = `${SENTINEL_CLI} -e --raw SENTINEL GET-MASTER-ADDR-BY-NAME ${cache.name}`;
    try {
      return (await machines.run(machines.named(name), question)).split("\n")[0] ?? "";
    } catch {
      return "";
    }
  });
  const address = majority(await Promise.all(asked));
  return machines.topology.machines.find((machine) => machine.privateAddress === address)?.name ?? null;
}

/** What more than half of all say; an empty text is no opinion. */
export function majority(views: string[]): string | null {
  return (
    views.find((view) => view !== "" && 2 * views.filter((other) => other === view).length > views.length) ??
    null
  );
}

/** Waits until a replica has all data and follows. It is given up only when nothing has moved for two minutes. */
export async function awaitReplica(
  machines: Machines,
  cache: Cache,
  name: string,
  ctx: OperationContext,
): Promise<void> {
  let last = { text: "", since: Date.now() };
  for (;;) {
    ctx.signal.throwIfAborted();
    const own = await cacheMember(machines, machines.named(name)).catch(messageOf);
    if (typeof own !== "string" && (own.synced || own.primary) && (await cachePrimary(machines, cache)))
      return;
    const text = typeof own === "string" ? own : `follows ${own.follows ?? "nobody"}, at ${own.offset}`;
    if (text !== last.text) last = { text, since: Date.now() };
    if (Date.now() - last.since > NO_PROGRESS) {
      throw new Error(`${name} does not become a replica of ${cache.name}: ${text}`);
    }
    await sleep(PAUSE);
  }
}

/**
 * Moves the primary of a cache by plan: writes wait until the replica has everything, then the Sentinels make it the
 * primary, and the old one follows it. Nothing that was acknowledged is lost. Where it is there already, nothing is
 * done.
 *
 * @throws Where no replica may take over; writes go on at the old primary then.
 */
export async function moveCachePrimary(
  machines: Machines,
  cache: Cache,
  to: string,
  ctx: OperationContext,
): Promise<void> {
  const from = await cachePrimary(machines, cache);
  if (from === to) return;
  if (from === null || !cache.sentinel) throw new Error(`nobody knows the primary of ${cache.name}`);
  await awaitReplica(machines, cache, to, ctx);
  const [old, target] = [machines.named(from), machines.named(to)];
  const start = Date.now();
  try {
    await machines.run(old, held(target));
    await askForFailover(machines, cache);
    await agreedOn(machines, cache, to);
    // Sentinel would turn it only some seconds later.
    await machines.run(old, turned(target));
  } finally {
    await machines.run(old, `${REDIS_CLI} -e CLIENT UNPAUSE`);
  }
  ctx.onLine(`  ${cache.name}: writes waited for ${Date.now() - start} ms`);
}

/** Holds writes, and ends well when the replica has all of them. */
function held(target: Machine): string {
  const behind = `${REDIS_CLI} -e INFO replication | tr -d '\\r' | awk -F '[:,=]' '/^slave[0-9]+:.*ip=${target.privateAddress},/ {r=$9} /^master_repl_offset/ {m=$2} END {exit !(r != "" && r >= m)}'`;
  return [
    `${REDIS_CLI} -e CLIENT PAUSE ${HELD_AT_MOST} WRITE`,
    `for i in $(seq ${CATCH_UP_WITHIN / 50}); do ${behind} && exit 0; sleep 0.05; done`,
    `echo 'the replica on ${target.name} does not catch up' >&2; exit 1`,
  ].join("\n");
}

function turned({ privateAddress }: Machine): string {
  return [
    `${REDIS_CLI} -e REPLICAOF ${privateAddress} ${PORTS.redisServer}`,
    `${REDIS_CLI} -e CONFIG REWRITE`,
    `${REDIS_CLI} -e CLIENT KILL TYPE normal`,
  ].join(" && ");
}

async function askForFailover(machines: Machines, cache: Cache): Promise<void> {
  const reasons: string[] = [];
  for (const name of cache.sentinel!.machines) {
    try {
      await machines.run(machines.named(name), `${SENTINEL_CLI} -e SENTINEL FAILOVER ${cache.name}`);
      return;
    } catch (error) {
      reasons.push(messageOf(error).split("\n")[0]!);
    }
  }
  throw new Error(`no Sentinel moves ${cache.name}: ${reasons.join("; ")}`);
}

async function agreedOn(machines: Machines, cache: Cache, to: string): Promise<void> {
  const end = Date.now() + AGREE_WITHIN;
  while ((await cachePrimary(machines, cache)) !== to) {
    if (Date.now() > end) throw new Error(`the Sentinels did not make ${to} the primary of ${cache.name}`);
    await sleep(200);
  }
}

/**
 * Ends a replica that is about to be taken away, and its Sentinel, and deletes what they keep: its volume could not be
 * detached while it is used. Gateways that stay are led to the primary whatever the Sentinels say, as those end now
 * too, one after the other. May be repeated; a machine that does not answer any more has ended.
 *
 * @param keep The machines that stay.
 */
export async function retireReplica(
  machines: Machines,
  cache: Cache,
  name: string,
  keep: string[],
): Promise<void> {
  const primary = (await cachePrimary(machines, cache)) ?? keep[0];
  if (primary === name) throw new Error(`${name} has the primary of ${cache.name}`);
  const orders = [
    `disable health ${cache.name}/${primary}`,
    `set server ${cache.name}/${name} state maint`,
  ].map(proxyCommand);
  for (const gateway of keep) await machines.run(machines.named(gateway), orders.join(" && "));
  try {
    await machines.run(machines.named(name), END_REPLICA);
  } catch (error) {
    if (!isUnreachable(error)) throw error;
  }
}

const END_REPLICA = [
  "systemctl disable --now redis-sentinel.service redis-server.service 2>&1",
  `rm -rf --one-file-system ${REDIS_DATA} ${SENTINEL_DATA}`,
].join(" && ");
