import { randomBytes } from "node:crypto";
import { parseInfo } from "../../../clients/redis.ts";
import { messageOf } from "../../../toolchain/problem.ts";
import type { Cache, Machine } from "../../topology.ts";
import { type Check, combine, type Finding, type World } from "../check.ts";

const unit = "redis-server.service";
const manifest = "/data/redis/appendonlydir/appendonly.aof.manifest";

/** A cache from its clients' side: through TLS with the stack's authority, as the application. */
export const redis: Check = {
  name: "redis",
  async run(world) {
    const findings = world.topology.caches.map((cache) => checkCache(world, cache));
    return findings.length > 0 ? combine(await Promise.all(findings)) : { ok: true, detail: "none" };
  },
};

async function checkCache(world: World, cache: Cache): Promise<Finding> {
  const { host, port } = cache.endpoint;
  const start = performance.now();
  let info: Record<string, string>;
  try {
    info = await world.redis(cache, async (client) => {
      const pong = await client.ping();
      if (pong !== "PONG") throw new Error(`PING was answered with ${pong}`);
      await writeAndRead(client);
      return parseInfo(await client.info());
    });
  } catch (error) {
    return unreachable(world, cache, messageOf(error).split("\n")[0]!);
  }
  const milliseconds = Math.round(performance.now() - start);
  return judge(
    cache,
    info,
    `a key written and read through ${host}:${port} in ${milliseconds} ms`,
    world.topology.stack,
  );
}

interface Keys {
  set(key: string, value: string, unit: "PX", milliseconds: number): Promise<unknown>;
  get(key: string): Promise<string | null>;
  del(key: string): Promise<unknown>;
}

/** The key goes away by itself where this run dies. */
async function writeAndRead(client: Keys): Promise<void> {
  const key = `phasewise:verify:${randomBytes(8).toString("hex")}`;
  const value = randomBytes(16).toString("hex");
  await client.set(key, value, "PX", 60_000);
  const found = await client.get(key);
  await client.del(key);
  if (found !== value) throw new Error("the key that was written did not come back");
}

/** What INFO says against what is declared. */
export function judge(cache: Cache, info: Record<string, string>, done: string, stack: string): Finding {
  const memory = cache.memoryMb * 1024 ** 2;
  const up = `npx phasewise up ${stack}`;
  const faults: Finding[] = [];
  const fault = (detail: string, fix: string) =>
    faults.push({ ok: false, detail: `${cache.name}: ${detail}`, fix });
  if (info.aof_enabled !== "1") fault("it keeps no append-only file: a restart would lose everything", up);
  if (info.aof_last_write_status !== "ok") {
    fault(
      `its append-only file could not be written (${info.aof_last_write_status})`,
      "look whether the volume is full: df -h /data",
    );
  }
  if (info.aof_last_bgrewrite_status !== "ok") {
    fault(
      `its append-only file could not be rewritten (${info.aof_last_bgrewrite_status}), so it only grows`,
      `npx phasewise logs ${stack} says why; mostly memory or disk is short`,
    );
  }
  if (Number(info.maxmemory) !== memory) {
    fault(`maxmemory is ${info.maxmemory} bytes, ${memory} are declared`, up);
  }
  if (info.maxmemory_policy !== cache.evictionPolicy) {
    fault(`the eviction policy is ${info.maxmemory_policy}, ${cache.evictionPolicy} is declared`, up);
  }
  if (faults.length > 0) return combine(faults);
  const used = Math.ceil(Number(info.used_memory) / 1024 ** 2);
  return {
    ok: true,
    detail: `${cache.name}: Redis ${info.redis_version}, ${done}; ${used} of ${cache.memoryMb} MB, ${cache.evictionPolicy}`,
  };
}

/** Why nobody answers: what the unit says of itself. */
async function unreachable(world: World, cache: Cache, reason: string): Promise<Finding> {
  const machine = world.topology.machines.find((one) => one.name === cache.machines[0])!;
  const state = await unitState(world, machine);
  return explain(cache.name, machine.name, reason, state, world.topology.stack);
}

export interface UnitState {
  /** `active`, `activating`, `failed`, ... */
  active: string;
  /** Its last journal lines. */
  journal: string;
}

async function unitState(world: World, machine: Machine): Promise<UnitState> {
  const [active, journal] = await Promise.all([
    world.run(machine, `systemctl show -P ActiveState ${unit}`),
    world.run(machine, `journalctl -u ${unit} -n 40 --no-pager -o cat`),
  ]);
  return { active: active.trim(), journal };
}

/** For people: what is wrong with a Redis that does not answer, and what to do. */
export function explain(
  cache: string,
  machine: string,
  reason: string,
  state: UnitState,
  stack: string,
): Finding {
  if (
    /Bad file format reading the append only file|Unexpected end of file reading the append only file/.test(
      state.journal,
    ) &&
    state.active !== "active"
  ) {
    return {
      ok: false,
      detail: `${cache}: Redis on ${machine} does not start: its append-only file is damaged`,
      fix:
        `npx phasewise ssh ${stack} ${machine}, then: systemctl stop redis-server; cp -a /data/redis /data/redis.damaged;` +
        ` redis-check-aof --fix ${manifest} (it keeps all up to the damage); systemctl start redis-server`,
    };
  }
  if (state.active === "active") {
    return {
      ok: false,
      detail: `${cache}: Redis on ${machine} runs, and could not be used: ${reason}`,
      fix: `npx phasewise logs ${stack} shows what it says; npx phasewise up ${stack} puts right what was changed`,
    };
  }
  const last = state.journal.trim().split("\n").at(-1) ?? "";
  return {
    ok: false,
    detail: `${cache}: Redis on ${machine} does not run (${state.active}): ${last || reason}`,
    fix: `npx phasewise ssh ${stack} ${machine} -- systemctl start redis-server`,
  };
}
