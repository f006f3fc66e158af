import { setTimeout as sleep } from "node:timers/promises";
import { REDIS_CLI } from "../../../roles/redis.ts";
import { SENTINEL_CLI } from "../../../roles/sentinel.ts";
import { messageOf } from "../../../toolchain/problem.ts";
import { type CacheMember, majority, memberFrom } from "../../membership/cache.ts";
import type { Cache } from "../../topology.ts";
import { type Check, combine, type Finding, type World } from "../check.ts";
import { proxyRows } from "./gateways.ts";
import type { ConsoleRow } from "./pooler.ts";

/** How far a replica may be behind while it is called near (bytes). */
const NEAR = 16 * 1024 ** 2;

/** Sentinels look for replicas and for each other every ten seconds: what has just begun is whole only then. */
const ATTEMPTS = 8;
/** Milliseconds. */
const PAUSE = 1500;

/** What is asked of everybody who has to do with a cache that has a replica. A text says why somebody did not answer. */
export interface CacheView {
  members: { name: string; seen: CacheMember | string }[];
  sentinels: { name: string; seen: SentinelView | string }[];
  /** Machines that each gateway leads to. */
  gateways: { name: string; seen: string[] | string }[];
}

/** What one Sentinel says. */
export interface SentinelView {
  /** Address of the primary. */
  primary: string;
  /** How many others it counts. */
  others: number;
  /** Why it could not have a failover now; null where it could. */
  fault: string | null;
}

/** Whether caches have a replica that may take over, Sentinels that would make it, and gateways that would follow. */
export const redisReplica: Check = {
  name: "redis-replica",
  async run(world) {
    const watched = world.topology.caches.filter((cache) => cache.sentinel !== null);
    if (watched.length === 0) return { ok: true, detail: "none" };
    for (let attempt = 1; ; attempt++) {
      const findings = watched.map(async (cache) =>
        judgeReplica(cache, await look(world, cache), addresses(world), world.topology.stack),
      );
      const found = combine(await Promise.all(findings));
      if (found.ok || attempt === ATTEMPTS) return found;
      await sleep(PAUSE);
    }
  },
};

function addresses({ topology }: World): Record<string, string> {
  return Object.fromEntries(topology.machines.map(({ name, privateAddress }) => [privateAddress, name]));
}

async function look(world: World, cache: Cache): Promise<CacheView> {
  const machine = (name: string) => world.topology.machines.find((one) => one.name === name)!;
  const each = async <T>(names: string[], ask: (name: string) => Promise<T>) =>
    Promise.all(
      names.map(async (name) => ({
        name,
        seen: await ask(name).catch((error) => messageOf(error).split("\n")[0]!),
      })),
    );
  const [members, sentinels, gateways] = await Promise.all([
    each(cache.machines, async (name) =>
      memberFrom(name, await world.run(machine(name), `${REDIS_CLI} -e INFO replication`)),
    ),
    each(cache.sentinel!.machines, async (name) =>
      parseSentinel(await world.run(machine(name), sentinelQuestion(cache.name))),
    ),
    each(cache.machines, async (name) => leadsTo(await proxyRows(world, machine(name)), cache.name)),
  ]);
  return { members, sentinels, gateways };
}

function sentinelQuestion(cache: string): string {
  return [
    `${SENTINEL_CLI} --raw -e SENTINEL GET-MASTER-ADDR-BY-NAME ${cache} | head -n 1`,
    `${SENTINEL_CLI} --raw -e SENTINEL MASTER ${cache} | sed -n '/^num-other-sentinels$/{n;p}'`,
    `${SENTINEL_CLI} --raw SENTINEL CKQUORUM ${cache}`,
  ].join("\n");
}

/** @param text Address, number of the others, and what CKQUORUM says, a line each. */
export function parseSentinel(text: string): SentinelView {
  const [primary = "", others = "", quorum = ""] = text.trim().split("\n");
  return { primary, others: Number(others), fault: quorum.startsWith("OK") ? null : quorum };
}

function leadsTo(rows: ConsoleRow[], cache: string): string[] {
  return rows
    .filter(
      ({ pxname, status, svname }) =>
        pxname === cache && !["FRONTEND", "BACKEND"].includes(svname ?? "") && /^UP/.test(status ?? ""),
    )
    .map(({ svname }) => svname!);
}

/** @param machines Names by private address. */
export function judgeReplica(
  cache: Cache,
  view: CacheView,
  machines: Record<string, string>,
  stack: string,
): Finding {
  const faults: Finding[] = [];
  const fault = (detail: string, fix: string) =>
    faults.push({ ok: false, detail: `${cache.name}: ${detail}`, fix });
  const logs = `npx phasewise logs ${stack} says why`;
  const up = `npx phasewise up ${stack}`;
  const known = majority(view.sentinels.map(({ seen }) => (typeof seen === "string" ? "" : seen.primary)));
  const primary = known === null ? null : (machines[known] ?? known);
  if (primary === null) fault("the Sentinels do not agree on a primary", logs);
  for (const { name, seen } of view.sentinels) {
    if (typeof seen === "string") fault(`the Sentinel on ${name} does not answer: ${seen}`, up);
    else {
      const expected = view.sentinels.length - 1;
      if (seen.others !== expected) {
        fault(`the Sentinel on ${name} knows ${seen.others} others, there are ${expected}`, up);
      }
      if (seen.fault !== null) fault(`the Sentinel on ${name}: ${seen.fault}`, logs);
    }
  }
  const all = view.members.flatMap(({ seen }) => (typeof seen === "string" ? [] : [seen]));
  const primaries = all.filter((member) => member.primary).map(({ name }) => name);
  if (primaries.join() !== primary) {
    const found = primaries.length === 0 ? "none is" : `${primaries.join(" and ")} is`;
    fault(`${found} the primary, the Sentinels say ${primary ?? "nobody"}`, logs);
  }
  const end = all.find((member) => member.primary)?.offset ?? 0;
  for (const { name, seen } of view.members) {
    if (typeof seen === "string") fault(`Redis on ${name} does not answer: ${seen}`, up);
    else if (!seen.primary && !seen.synced) fault(`the replica on ${name} does not hear its primary`, logs);
    else if (!seen.primary && end - seen.offset > NEAR) {
      fault(`the replica on ${name} is ${Math.round((end - seen.offset) / 1024 ** 2)} MB behind`, logs);
    }
  }
  for (const { name, seen } of view.gateways) {
    const to = typeof seen === "string" ? `is not known: ${seen}` : seen.join(" and ") || "nowhere";
    if (to !== primary) fault(`${name} leads to ${to}, the primary is on ${primary ?? "no machine"}`, logs);
  }
  if (faults.length > 0) return combine(faults);
  const replicas = all.filter((member) => !member.primary).map(({ name }) => name);
  return {
    ok: true,
    detail: `${cache.name}: ${primary} leads, ${replicas.join(", ")} follows; ${view.sentinels.length} Sentinels agree`,
  };
}
