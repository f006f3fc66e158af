import { expect, test } from "vitest";
import { type CutoverPlan, coordinatorSettings } from "../../../../operations/switchover/settings.ts";
import type { Cluster, Machine } from "../../../../operations/topology.ts";

const machine = (name: string, privateAddress: string, ...roles: string[]) =>
  ({ name, privateAddress, roles }) as Machine;
const gateways = [
  machine("core-1", "10.0.1.11", "etcd", "pgbouncer"),
  machine("core-2", "10.0.1.12", "pgbouncer"),
];
const members = [
  machine("db-1", "10.0.1.21", "etcd", "patroni"),
  machine("db-2", "10.0.1.22", "etcd", "patroni"),
  machine("db-3", "10.0.1.23", "patroni"),
];

function settingsOf(plan: Partial<CutoverPlan>) {
  const cluster = { name: "main", databases: ["app"] } as Cluster;
  return coordinatorSettings(
    { cluster, from: members[0]!, to: members[1]!, gateways, members, maxStallSeconds: 1, ...plan },
    "token",
  );
}

test("the coordinator is told where members say in etcd that they are paused; its own machine is asked first", () => {
  expect(settingsOf({}).etcd).toEqual({
    members: [
      { name: "core-1", address: "10.0.1.11" },
      { name: "db-1", address: "10.0.1.21" },
      { name: "db-2", address: "10.0.1.22" },
    ],
    port: 2379,
    prefix: "/phasewise/main/members/",
  });
});

test("a machine that is a gateway and a member is asked once", () => {
  const both = machine("core-1", "10.0.1.11", "etcd", "pgbouncer", "patroni");
  expect(settingsOf({ gateways: [both], members: [both, members[2]!] }).etcd).toMatchObject({
    members: [{ name: "core-1", address: "10.0.1.11" }],
  });
});
