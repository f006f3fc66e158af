import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { powerOff, serverId } from "./failover.ts";
import { Stack } from "./stack.ts";

/** The cache of phase 3 on its bad days: primary killed, its machine lost, replica and Sentinel away. */
const stack = new Stack("redis-replicated");
const cli = "/usr/local/lib/phasewise/redis-cli -e";

interface Member {
  name: string;
  role: string;
  state: string;
}

const on = (machine: string, ...lines: string[]) =>
  stack.expectOk("ssh", stack.name, machine, "--", lines.join("\n"));
const members = async () =>
  (await stack.json<{ caches: { members: Member[] }[] }>("status", stack.name)).caches[0]!.members;

/** The primary's name, once the other one follows it. */
async function whole(): Promise<string> {
  let primary = "";
  await stack.eventually(async () => {
    const all = await members();
    expect(all.map(({ state }) => state).sort()).toEqual(["running", "streaming"]);
    primary = all.find(({ role }) => role === "primary")!.name;
  });
  return primary;
}

const other = (name: string) => (name === "core-1" ? "core-2" : "core-1");

/** Writes through one gateway all the time, as an application does that knows no Sentinel. */
class Writer {
  readonly acknowledged: number[] = [];
  /** The longest time between two acknowledged writes, in milliseconds. */
  longest = 0;
  readonly #redis: Redis;
  #last = Date.now();
  #next = 0;
  #stopped = false;
  readonly #done: Promise<void>;

  constructor(host: string, url: string, ca: string) {
    const { password, username } = new URL(url);
    this.#redis = new Redis({
      host,
      port: 6379,
      username,
      password,
      tls: { ca },
      connectTimeout: 1500,
      commandTimeout: 1500,
      maxRetriesPerRequest: 0,
      enableOfflineQueue: false,
      retryStrategy: () => 100,
      reconnectOnError: (error) => error.message.startsWith("READONLY"),
    });
    this.#redis.on("error", () => {});
    this.#done = this.#run();
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const number = this.#next++;
      if (await this.#redis.set(`row:${number}`, number).catch(() => null)) {
        this.acknowledged.push(number);
        this.longest = Math.max(this.longest, Date.now() - this.#last);
        this.#last = Date.now();
      }
      await sleep(20);
    }
  }

  /** Ends, and tells how many acknowledged writes are not there any more. */
  async stop(): Promise<number> {
    this.#stopped = true;
    await this.#done;
    const found = await Promise.all(this.acknowledged.map((number) => this.#redis.get(`row:${number}`)));
    this.#redis.disconnect();
    return found.filter((value) => value === null).length;
  }
}

async function struck(
  gateway: string,
  strike: () => Promise<void>,
): Promise<{ lost: number; longest: number }> {
  const { caCertificate, url } = await stack.json<{ url: string; caCertificate: string }>(
    "url",
    stack.name,
    "--redis",
    "--show-secrets",
  );
  const server = (await stack.servers()).find(({ name }) => name.endsWith(`-${gateway}`))!;
  const writer = new Writer(server.public_net.ipv4!.ip, url, readFileSync(caCertificate, "utf8"));
  await stack.eventually(async () => expect(writer.acknowledged.length).toBeGreaterThan(50));
  await strike();
  const before = writer.acknowledged.length;
  await stack.eventually(async () => expect(writer.acknowledged.length).toBeGreaterThan(before + 50));
  const lost = await writer.stop();
  return { lost, longest: writer.longest };
}

beforeAll(async () => {
  await stack.reset();
  stack.configure({
    "phasewise:phase": 3,
    "phasewise:redis": { enabled: true },
    "phasewise:database": { replicas: 1 },
  });
  await stack.up();
});

afterAll(() => stack.remove());

test("a primary that crashes comes back by itself, and nothing is lost", async () => {
  const primary = await whole();
  const { longest, lost } = await struck(other(primary), async () => {
    await on(primary, "kill -9 $(systemctl show -P MainPID redis-server)");
  });
  process.stderr.write(`Redis killed: no write for ${longest} ms, ${lost} lost\n`);
  expect(lost).toBe(0);
  await whole();
});

test("its machine lost, the replica takes over; it comes back as a replica and never takes a write", async () => {
  const primary = await whole();
  const id = await serverId(stack, primary);
  const { longest, lost } = await struck(other(primary), () => powerOff(stack, id));
  process.stderr.write(`machine of the primary lost: no write for ${longest} ms, ${lost} lost\n`);
  expect(longest).toBeLessThan(30_000);
  await stack.api("POST", `/servers/${id}/actions/poweron`);
  expect(await whole()).toBe(other(primary));
  const journal = await on(primary, "journalctl -b -u redis-server -o cat");
  expect(journal).toContain("the primary is 10.0.1.");
  expect(journal).not.toContain("M Ready to accept connections");
  await stack.eventually(async () => expect(await stack.faults()).toEqual([]));
});

test("a Sentinel that is away is told, and comes back by itself", async () => {
  await on("db-1", "kill -9 $(systemctl show -P MainPID redis-sentinel)");
  await stack.eventually(async () => expect(await stack.faults()).toEqual([]));
  await on("db-1", "systemctl stop redis-sentinel");
  expect((await stack.faults()).join()).toMatch(/redis-replica: cache: the Sentinel on db-1 does not answer/);
  await on("db-1", "systemctl start redis-sentinel");
});

test("a replica that is cut off: writes go on, verify tells, and it catches up", async () => {
  const primary = await whole();
  const replica = other(primary);
  const address = primary === "core-1" ? "10.0.1.11" : "10.0.1.12";
  const { lost } = await struck(primary, async () => {
    await on(
      replica,
      "nft add table inet cut",
      "nft 'add chain inet cut out { type filter hook output priority -10; }'",
      `nft add rule inet cut out ip daddr ${address} tcp dport 6380 drop`,
      `nft add rule inet cut out ip daddr ${address} tcp sport 6380 drop`,
    );
  });
  expect(lost).toBe(0);
  expect(await on(primary, `${cli} SET cut off`)).toContain("OK");
  await on(replica, "nft delete table inet cut");
  expect(await whole()).toBe(primary);
  await stack.eventually(async () => expect(await on(replica, `${cli} GET cut`)).toContain("off"));
});

test("another up takes no failover back, and changes nothing", async () => {
  const primary = await whole();
  await stack.eventually(async () =>
    expect((await stack.up()).changes).toMatchObject({ create: 0, update: 0, replace: 0, delete: 0 }),
  );
  expect(await whole()).toBe(primary);
});
