import { expect, test } from "vitest";
import {
  knowsAnother,
  systemsOf,
  writtenDown,
} from "../../../../../operations/restore/inPlace/continuity.ts";
import type { Cluster } from "../../../../../operations/topology.ts";

const info = (...systems: string[]) =>
  `[{"name":"main","db":[${systems.map((id) => `{"id":1,"system-id":${id}}`).join(",")}]}]`;
const [before, now] = ["7710703230494892690", "7710703230494892691"];

test("a repository is told of a database that it does not know as its current one", () => {
  expect(knowsAnother([systemsOf(info(now))], now)).toBe(false);
  expect(knowsAnother([systemsOf(info(before, now))], now)).toBe(false);
  expect(knowsAnother([systemsOf(info(before))], now)).toBe(true);
  expect(knowsAnother([systemsOf(info())], now)).toBe(true);
});

test("one of two that does not answer holds nothing up", () => {
  expect(knowsAnother([systemsOf(info()), systemsOf(info(now))], now)).toBe(false);
  expect(knowsAnother([systemsOf(info(now)), systemsOf(info(before))], now)).toBe(true);
  expect(knowsAnother([[], []], now)).toBe(true);
});

test("what a restore came to can be read afterwards, with what speaks against it", async () => {
  const cluster = { name: "main" } as Cluster;
  const kept: Record<string, unknown> = {
    at: "2026-11-21T09:31:00Z",
    ...{ left: 1, from: 1, begun: 2, lsn: "0/3000148" },
    reached: { time: null, lsn: "0/3000120" },
    warning: "the clock was ahead",
  };
  const store = { get: async (key: string) => (key === "phasewise/restores/main/one.json" ? kept : null) };
  const ended = { time: null, lsn: "0/3000120", timeline: 2, before: 1, left: 1, forkLsn: "0/3000148" };
  expect(await writtenDown(store, cluster, "one")).toEqual({ ...ended, warning: "the clock was ahead" });
  expect(await writtenDown(store, cluster, "two")).toBeNull();
  // It was written down before warnings were.
  delete kept.warning;
  expect(await writtenDown(store, cluster, "one")).toEqual({ ...ended, warning: null });
});
