import { expect, test } from "vitest";
import { base } from "../../../roles/base.ts";
import { cacheProxy } from "../../../roles/haproxyCaches.ts";
import { redis } from "../../../roles/redis.ts";
import { largestRedisMemoryMb } from "../../../roles/redisMemory.ts";
import { fileOf } from "./machine.ts";

const role = redis({
  name: "cache",
  memoryMb: 128,
  evictionPolicy: "noeviction",
  address: "10.0.1.11",
  sentinels: [],
  replicaOf: null,
});
const folder = "/etc/phasewise/redis";

test("what may change while it runs is applied by a reload, the rest waits for a restart", () => {
  const live = fileOf(role, `${folder}/live.conf`);
  expect(live.content).toContain("maxmemory 134217728\nmaxmemory-policy noeviction\n");
  expect(live.onChange).toEqual([{ unit: "redis-server.service", action: "reload" }]);
  expect(fileOf(role, `${folder}/start.conf`).onChange).toEqual([
    { unit: "redis-server.service", action: "pending" },
  ]);
});

test("the reload reads one name and one value a line", () => {
  const { content } = fileOf(role, `${folder}/live.conf`);
  for (const line of content.trimEnd().split("\n")) expect(line).toMatch(/^[a-z-]+ \S+$/);
});

test("its own file is written once, and ours win over what Redis writes there", () => {
  expect(fileOf(role, "/data/redis/redis.conf").seed).toBe(true);
  const unit = fileOf(role, "/etc/systemd/system/redis-server.service.d/10-phasewise.conf").content;
  expect(unit).toContain(
    `redis-server /data/redis/redis.conf --include ${folder}/start.conf --include ${folder}/live.conf`,
  );
});

test("TLS alone, and nobody without a password", () => {
  const { content } = fileOf(role, `${folder}/start.conf`);
  expect(content).toContain("port 0\n");
  expect(fileOf(role, `${folder}/live.conf`).content).toContain("tls-port 6380\n");
  const users = fileOf(role, `${folder}/users.acl`).content.trimEnd().split("\n");
  expect(users[0]).toBe("user default reset off");
  for (const user of users.slice(1)) expect(user).toMatch(/ on >\{\{secret:redis-[a-z-]*password\}\} /);
  expect(users.join("\n")).not.toContain("nopass");
});

test("no secret is in what is executed", () => {
  const executed = role.files.filter((one) => /lib\/phasewise|systemd/.test(one.path));
  expect(executed).toHaveLength(4);
  for (const one of executed) expect(one.content).not.toContain("{{secret:");
});

test("the kernel promises no more memory than it has, but where Redis is without PostgreSQL", () => {
  const kernel = (overcommit: "never" | "always") =>
    fileOf(base({ overcommit }), "/etc/sysctl.d/70-phasewise.conf").content;
  expect(kernel("never")).toContain("vm.overcommit_memory = 2\n");
  expect(kernel("always")).toContain("vm.overcommit_memory = 1\n");
  expect(largestRedisMemoryMb({ memoryMb: 4096, holdsDatabase: true })).toBe(512);
  expect(largestRedisMemoryMb({ memoryMb: 4096, holdsDatabase: false })).toBe(1536);
});

test("a gateway leads to the one Redis there is without asking, and of two to the primary alone", () => {
  const one = [{ name: "core-1", address: "10.0.1.11" }];
  const two = [...one, { name: "core-2", address: "10.0.1.12" }];
  const servers = (all: typeof one) =>
    cacheProxy({ name: "cache", servers: all }, "/tls.pem").filter((line) => line.startsWith("    server "));
  expect(servers(one)).toEqual(["    server core-1 10.0.1.11:6380 ssl verifyhost core-1"]);
  expect(servers(two)).toHaveLength(2);
  for (const line of servers(two)) expect(line).toContain(" check addr 127.0.0.1 port 8011 ");
});
