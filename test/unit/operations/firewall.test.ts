import { expect, test } from "vitest";
import { judgeCloud, judgeMachine, type NftTable } from "../../../operations/verify/checks/firewall.ts";

const gateway = { name: "core-1", roles: ["pgbouncer"] };
const declared = { operators: ["203.0.113.7/32"], database: ["203.0.113.16/28", "198.51.100.1/32"] };
const rule = (port: string | null, source_ips: string[], protocol = "tcp") => ({
  direction: "in",
  protocol,
  port,
  source_ips,
});
const open = [
  rule("22", ["203.0.113.7/32"]),
  rule("6432", ["198.51.100.1/32", "203.0.113.16/28"]),
  rule("6433", ["198.51.100.1/32", "203.0.113.16/28"]),
  rule(null, ["203.0.113.7/32"], "icmp"),
];

test("Hetzner's firewall as declared, in whatever order", () => {
  expect(judgeCloud(gateway, open, declared, "dev")).toEqual({
    ok: true,
    detail:
      "core-1: SSH open to 203.0.113.7/32, the database to 203.0.113.16/28, 198.51.100.1/32," +
      " reads to 203.0.113.16/28, 198.51.100.1/32",
  });
});

test("no firewall, a missing source, one too many, another port: each is told", () => {
  expect(judgeCloud(gateway, null, declared, "dev").detail).toBe(
    "core-1 has no firewall: everything reaches it",
  );
  const world = [rule("22", ["0.0.0.0/0", "::/0"]), open[1]!, open[2]!, rule("5432", ["0.0.0.0/0"])];
  const finding = judgeCloud(gateway, world, declared, "dev");
  expect(finding.ok).toBe(false);
  expect(finding.detail).toBe(
    "core-1: SSH is open to 0.0.0.0/0, ::/0, declared: 203.0.113.7/32; core-1: tcp 5432 is open to 0.0.0.0/0",
  );
  expect(judgeCloud({ name: "db-1", roles: [] }, open, declared, "dev").detail).toBe(
    "db-1: the database's port is open to 198.51.100.1/32, 203.0.113.16/28, declared: nobody;" +
      " db-1: the port for reads is open to 198.51.100.1/32, 203.0.113.16/28, declared: nobody",
  );
});

test("the cache's port, on machines that carry it alone", () => {
  const cache = { name: "core-1", roles: ["pgbouncer", "redis"] };
  const rules = [...open, rule("6379", declared.database)];
  expect(judgeCloud(cache, rules, declared, "dev").detail).toBe(
    "core-1: SSH open to 203.0.113.7/32, the database to 203.0.113.16/28, 198.51.100.1/32," +
      " reads to 203.0.113.16/28, 198.51.100.1/32, the cache to 203.0.113.16/28, 198.51.100.1/32",
  );
  expect(judgeCloud(gateway, rules, declared, "dev").detail).toBe(
    "core-1: the cache's port is open to 198.51.100.1/32, 203.0.113.16/28, declared: nobody",
  );
  expect(judgeCloud(cache, open, declared, "dev").ok).toBe(false);
});

const interface_ = { match: { left: { meta: { key: "iifname" } }, right: "eth0" } };
const saddr = (right: unknown) => ({ match: { left: { payload: { field: "saddr" } }, right } });
const dport = (right: unknown) => ({ match: { left: { payload: { field: "dport" } }, right } });
const table = (...rules: object[][]): NftTable => ({
  nftables: [
    { chain: { name: "input", policy: "drop" } },
    ...rules.map((expr) => ({ rule: { chain: "input", expr } })),
  ] as NonNullable<NftTable["nftables"]>,
});

test("the machine's own firewall: single addresses, networks, sets", () => {
  const found = table(
    [interface_, saddr("203.0.113.7"), dport(22)],
    [
      interface_,
      saddr({ set: ["198.51.100.1", { prefix: { addr: "203.0.113.16", len: 28 } }] }),
      dport({ set: [6432, 6433] }),
    ],
  );
  expect(judgeMachine(gateway, found, declared, "dev").ok).toBe(true);
});

test("a rule without a source lets everybody in", () => {
  const all = table([
    interface_,
    { match: { left: { meta: { key: "nfproto" } }, right: "ipv4" } },
    dport(22),
  ]);
  expect(judgeMachine(gateway, all, declared, "dev").detail).toBe(
    "core-1: SSH is open to 0.0.0.0/0, declared: 203.0.113.7/32; core-1: the database's port is open to nobody, declared: 198.51.100.1/32, 203.0.113.16/28;" +
      " core-1: the port for reads is open to nobody, declared: 198.51.100.1/32, 203.0.113.16/28",
  );
});

test("a table that is not loaded, or accepts by default", () => {
  expect(judgeMachine(gateway, {}, declared, "dev").detail).toBe("core-1: its own firewall is not loaded");
  const accepting: NftTable = { nftables: [{ chain: { name: "input", policy: "accept" } }] };
  expect(judgeMachine(gateway, accepting, declared, "dev").ok).toBe(false);
});
