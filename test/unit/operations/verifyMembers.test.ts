import { expect, test } from "vitest";
import type { Machine } from "../../../operations/topology.ts";
import * as etcd from "../../../operations/verify/checks/etcd.ts";
import * as gateways from "../../../operations/verify/checks/gateways.ts";
import * as patroni from "../../../operations/verify/checks/patroni.ts";
import { firstOf } from "../../../operations/verify/patroni.ts";

const cluster = { name: "main", members: ["db-1", "db-2"], durability: "async" as const };
const leader = { name: "db-1", role: "leader", state: "running", timeline: 3 };
const replica = { name: "db-2", role: "replica", state: "streaming", timeline: 3, lag: 0 };
type View = Parameters<typeof patroni.judge>[1];
const judged = (members: View["members"], more: Partial<View> = {}, of = {}) =>
  patroni.judge({ ...cluster, ...of }, { members, ...more }, "dev");

test("Patroni: one leader, and every declared member streaming from it and near", () => {
  expect(judged([leader, replica])).toEqual({
    ok: true,
    detail: "main: db-1 leads, 2 of 2 members run, timeline 3",
  });
  expect(judged([leader])).toEqual({
    ok: false,
    detail: "main: db-2 is no member",
    fix: "npx phasewise logs dev --unit patroni tells why",
  });
  expect(judged([{ ...leader, role: "replica", state: "streaming" }, replica]).detail).toBe(
    "main: no leader",
  );
  expect(judged([leader, { ...replica, role: "leader", state: "running" }]).detail).toBe(
    "main: 2 leaders: db-1, db-2",
  );
  expect(judged([leader, { ...replica, state: "starting" }]).detail).toBe(
    "main: db-2 does not stream from the leader, it is starting",
  );
  expect(judged([{ ...leader, state: "starting" }, replica]).detail).toBe("main: db-1 is starting");
  expect(judged([leader, { ...replica, timeline: 2 }]).detail).toBe("main: db-2 is on timeline 2, db-1 on 3");
  expect(judged([leader, { ...replica, lag: 100 * 1024 * 1024 }]).detail).toBe("main: db-2 is 100 MB behind");
  expect(judged([leader, replica, { ...replica, name: "core-1" }]).detail).toBe(
    "main: core-1 is a member that is not declared",
  );
  expect(judged([leader, replica], { pause: true }).fix).toBe("patronictl resume on one of its machines");
});

test("Patroni: synchronous durability needs a standby that has every write, where there can be one", () => {
  const sync = { durability: "sync" };
  expect(judged([leader, replica], {}, sync).detail).toBe(
    "main: no synchronous standby: the primary's disk alone has new writes",
  );
  expect(judged([leader, { ...replica, role: "sync_standby" }], {}, sync)).toEqual({
    ok: true,
    detail: "main: db-1 leads, 2 of 2 members run, timeline 3, db-2 has every acknowledged write",
  });
  expect(judged([leader], {}, { ...sync, members: ["db-1"] }).ok).toBe(true);
  const waits = { ...replica, state: "running", lag: undefined };
  expect(judged([waits], {}, sync)).toEqual({
    ok: false,
    detail:
      "main: no leader; db-1 is no member; db-2 does not stream from the leader, it is running; no synchronous standby: the primary's disk alone has new writes",
    fix: "bring back the machines that are away: nobody who is there is known to have every acknowledged write; npx phasewise failover dev gives up what only they have",
  });
  const soon = "npx phasewise logs dev --unit patroni tells why";
  expect(judged([{ ...waits, role: "sync_standby" }], {}, sync).fix).toBe(soon);
  expect(judged([waits]).fix).toBe(soon);
});

test("etcd: every declared member healthy and with a vote, nobody else, no alarm", () => {
  const endpoint = { endpoint: "https://10.0.1.11:2379", health: true, took: "3ms" };
  const both = ["core-1", "db-1"];
  const view = (more: Partial<etcd.StoreView> = {}): etcd.StoreView => ({
    health: [endpoint, endpoint],
    list: { members: both.map((name) => ({ name })) },
    alarms: "",
    ...more,
  });
  expect(etcd.judge(both, view(), "dev")).toEqual({ ok: true, detail: "2 of 2 members healthy" });
  const sick = { ...endpoint, health: false, error: "timeout" };
  expect(etcd.judge(both, view({ health: [endpoint, sick] }), "dev")).toEqual({
    ok: false,
    detail: "1 of 2 members healthy, https://10.0.1.11:2379: timeout",
    fix: "npx phasewise logs dev --unit etcd tells why",
  });
  const members = (...list: etcd.MemberList["members"]) =>
    etcd.judge(both, view({ list: { members: list } }), "dev").detail;
  expect(members({ name: "core-1" }, { name: "db-1", isLearner: true })).toBe(
    "db-1 is a learner and has no vote",
  );
  expect(members({ name: "core-1" })).toBe("db-1 is no member");
  expect(members({ name: "core-1" }, { name: "db-1" }, { name: "" })).toBe(
    "a member that never started is there and not declared",
  );
  expect(etcd.judge(both, view({ alarms: "memberID:1 alarm:NOSPACE" }), "dev").detail).toBe(
    "alarm: memberID:1 alarm:NOSPACE",
  );
  expect(etcd.judge(both, view({ health: [] }), "dev").ok).toBe(false);
});

test("gateways: writes go to the primary and to nobody else", () => {
  const row = (pxname: string, svname: string, status = "UP") => ({ pxname, svname, status });
  const rest = [row("replicas", "db-1", "DOWN"), row("replicas", "db-2"), row("primary", "BACKEND")];
  const judge = (...primary: ReturnType<typeof row>[]) =>
    gateways.judge("core-1", cluster, "db-1", [...primary, ...rest], "dev");
  expect(judge(row("primary", "db-1"), row("primary", "db-2", "DOWN"))).toEqual({
    ok: true,
    detail: "core-1: writes go to db-1, reads to db-2",
  });
  expect(judge(row("primary", "db-1", "DOWN"), row("primary", "db-2", "DOWN")).detail).toBe(
    "core-1: writes go nowhere, the primary is db-1",
  );
  expect(judge(row("primary", "db-1"), row("primary", "db-2")).detail).toBe(
    "core-1: writes go to db-1 and db-2, the primary is db-1",
  );
  expect(judge(row("primary", "db-2")).ok).toBe(false);
});

test("of several machines the first to answer is believed; where none does, the first reason is told", async () => {
  const machines = [{ name: "db-1" }, { name: "db-2" }] as Machine[];
  const ask = async ({ name }: Machine) => {
    if (name === "db-1") throw new Error("db-1 is away");
    return name;
  };
  expect(await firstOf(machines, ask)).toBe("db-2");
  await expect(firstOf(machines.slice(0, 1), ask)).rejects.toThrow("db-1 is away");
});
