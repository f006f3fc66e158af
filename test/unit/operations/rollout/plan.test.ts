import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import type { Topology } from "../../../../infra/topology.ts";
import { SEND_AWAY } from "../../../../operations/rollout/drain/poolers.ts";
import { closePorts, countConnections } from "../../../../operations/rollout/drain/ports.ts";
import {
  heldHere,
  holdCommand,
  notStarted,
  startsCommand,
} from "../../../../operations/rollout/machine/restart.ts";
import { haveVersions, transient, updateCommand } from "../../../../operations/rollout/machine/update.ts";
import { isAnnounced, planText, rolloutPlan } from "../../../../operations/rollout/plan.ts";
import type { MachineWork } from "../../../../operations/rollout/work.ts";

const machine = (name: string, publicAddress: string) => ({ name, publicAddress, roles: [] });

function stack(phase: 1 | 2 | 3): Topology {
  const members = { 1: ["core-1"], 2: ["db-1", "db-2"], 3: ["db-1", "db-2", "db-3"] }[phase];
  const gateways = phase === 3 ? ["core-1", "core-2"] : ["core-1"];
  const apps = phase === 3 ? ["app-1", "app-2"] : [];
  const names = [...new Set([...gateways, ...members, ...apps])];
  return {
    stack: "dev",
    endpoints: { write: { host: phase === 3 ? "198.18.0.9" : "198.18.0.1", port: 6432 } },
    machines: names.map((name, index) => machine(name, `198.18.0.${index + 1}`)),
    clusters: [{ name: "main", members, gateways }],
    caches: [],
    loadBalancers:
      phase === 3
        ? [
            { name: "gateways", machines: gateways, targetPorts: [6432, 6433] },
            { name: "apps", machines: apps, targetPorts: [4000] },
          ]
        : [],
  } as unknown as Topology;
}

const work = (name: string, more: Partial<MachineWork> = {}): MachineWork => ({
  machine: name,
  since: 100,
  bootId: "a",
  security: [],
  packages: [],
  restarts: [],
  reboot: null,
  ...more,
});

const rebooting = (topology: Topology) =>
  topology.machines.map(({ name }) => work(name, { reboot: "asked for" }));

test("phase 3: applications and gateways first, drained; standbys; the primary last, led away from", () => {
  const topology = stack(3);
  const plan = rolloutPlan(topology, rebooting(topology), ["db-2"]);
  expect(plan.machines.map((one) => one.machine)).toEqual([
    "app-1",
    "app-2",
    "core-1",
    "core-2",
    "db-1",
    "db-3",
    "db-2",
  ]);
  expect(plan.machines.every(({ notice }) => notice === null)).toBe(true);
  expect(plan.steps.map(({ name }) => name).slice(-8)).toEqual([
    "vacate-db-3",
    "drain-db-3",
    "reboot-db-3",
    "settle-db-3",
    "vacate-db-2",
    "drain-db-2",
    "reboot-db-2",
    "settle-db-2",
  ]);
});

test("a cache's primary is moved before its machine goes, also where no load balancer leads clients away", () => {
  const cache = { name: "cache", machines: ["core-1", "core-2"], sentinel: { port: 26379 } };
  const topology = { ...stack(3), loadBalancers: [], caches: [cache] } as unknown as Topology;
  const named = (one: MachineWork, other = topology) =>
    rolloutPlan(other, [one], []).steps.map(({ name }) => name);
  expect(named(work("core-1", { reboot: "asked for" }))).toEqual([
    "drain-core-1",
    "reboot-core-1",
    "settle-core-1",
  ]);
  expect(named(work("core-2", { restarts: [{ what: "redis-server.service", reason: "" }] }))).toEqual([
    "drain-core-2",
    "restart-core-2",
    "settle-core-2",
  ]);
  const alone = { ...topology, caches: [{ ...cache, machines: ["core-1"], sentinel: null }] };
  expect(named(work("core-1", { reboot: "asked for" }), alone as unknown as Topology)).toEqual([
    "reboot-core-1",
    "settle-core-1",
  ]);
});

test("phase 2: the one gateway's reboot is announced, the databases' are not", () => {
  const topology = stack(2);
  const plan = rolloutPlan(topology, rebooting(topology), ["db-1"]);
  expect(planText(plan)).toBe(
    [
      "dev: planned work on 3 machines, one after the other",
      "  1. core-1: reboot (asked for)",
      "     ! clients lose their connections and connect anew; no acknowledged row is lost",
      "  2. db-2: reboot (asked for)",
      "  3. db-1: reboot (asked for)",
      "  10 steps; clients notice what is marked !",
    ].join("\n"),
  );
  expect(plan.machines.map(({ notice }) => isAnnounced(notice))).toEqual([true, false, false]);
});

test("phase 1: a restart of PostgreSQL makes clients wait, a reboot is announced", () => {
  const topology = stack(1);
  const restart = { restarts: [{ what: "PostgreSQL", reason: "max_connections 50 -> 60" }] };
  const waiting = rolloutPlan(topology, [work("core-1", restart)], ["core-1"]);
  expect(waiting.machines[0]!.notice).toBe("clients wait until PostgreSQL is back");
  expect(isAnnounced(waiting.machines[0]!.notice)).toBe(false);
  expect(waiting.steps.map(({ name }) => name)).toEqual(["restart-core-1", "settle-core-1", "remaining"]);
  const reboot = rolloutPlan(topology, rebooting(topology), ["core-1"]);
  expect(isAnnounced(reboot.machines[0]!.notice)).toBe(true);
});

test("clients that connect to a gateway itself, past the load balancer, are told", () => {
  const topology = stack(3);
  topology.endpoints.write.host = "198.18.0.1";
  const plan = rolloutPlan(topology, rebooting(topology), ["db-1"]);
  expect(plan.machines.filter(({ notice }) => notice !== null).map((one) => one.machine)).toEqual(["core-1"]);
});

test("restarts count that came after the look and after the package", () => {
  const text = "PostgreSQL\t90\t0\netcd.service\t120\t0\nhaproxy.service\t120\t130\nx.service\t\t0\n";
  expect(notStarted(text, { since: 100 })).toEqual(["PostgreSQL", "haproxy.service", "x.service"]);
  expect(haveVersions("a 1\nb 2\n", [{ name: "b", from: "1", to: "2" }])).toBe(true);
  expect(haveVersions("a 1\n", [{ name: "b", from: "1", to: "2" }])).toBe(false);
});

test("every script is one that a shell can read", () => {
  const packages = [{ name: "haproxy", from: "1", to: "2+x" }];
  const restarts = [
    { what: "PostgreSQL", reason: "" },
    { what: "haproxy.service", reason: "" },
  ];
  const scripts = [
    SEND_AWAY,
    closePorts([6432], 60),
    countConnections([6432, 6433]),
    heldHere("true"),
    holdCommand(9),
    startsCommand(work("core-1", { packages, restarts }), 17),
    transient(updateCommand(work("core-1", { packages, security: ["libc6"] }))),
  ];
  for (const script of scripts) execFileSync("sh", ["-n"], { input: script });
});
