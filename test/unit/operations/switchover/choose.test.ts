import { describe, expect, it } from "vitest";
import type { ClusterMember } from "../../../../operations/membership/postgres.ts";
import { chooseStandby, chooseSurvivor } from "../../../../operations/switchover/choose.ts";
import { riskOf } from "../../../../operations/switchover/switchover.ts";

const member = (name: string, more: Partial<ClusterMember> = {}): ClusterMember => ({
  name,
  leader: false,
  synchronous: false,
  state: "streaming",
  lag: 0,
  timeline: 1,
  ...more,
});
const primary = member("db-1", { leader: true, state: "running", lag: null });

describe("the standby of a planned move", () => {
  it("is the nearest that streams, or the one that is asked for", () => {
    const members = [primary, member("db-2", { lag: 4096 }), member("db-3")];
    expect(chooseStandby("main", members, undefined)).toBe("db-3");
    expect(chooseStandby("main", members, "db-2")).toBe("db-2");
  });

  it("is never one that is far behind or does not stream", () => {
    const members = [
      primary,
      member("db-2", { lag: 2 ** 30 }),
      member("db-3", { state: "starting", lag: null }),
    ];
    expect(() => chooseStandby("main", members, undefined)).toThrow(
      "main has no standby that streams: nobody can take over without losing a write.",
    );
    expect(() => chooseStandby("main", members, "db-3")).toThrow(
      "db-3 cannot take over in main: it is no standby that streams.",
    );
    expect(() => chooseStandby("main", members, "db-1")).toThrow("db-1 cannot take over");
  });
});

describe("the survivor of a forced move", () => {
  it("is the one that has most", () => {
    const members = [member("db-3", { lag: null, state: "running" }), member("db-2", { lag: 4096 })];
    expect(chooseSurvivor("main", members, undefined)).toEqual({
      name: "db-2",
      lag: 4096,
      synchronous: false,
    });
    expect(chooseSurvivor("main", members, "db-3")).toMatchObject({ name: "db-3", lag: null });
  });

  it("is the synchronous standby before any other, as nobody else has every acknowledged write", () => {
    const members = [member("db-2"), member("db-3", { lag: null, synchronous: true })];
    expect(chooseSurvivor("main", members, undefined)).toMatchObject({ name: "db-3", synchronous: true });
  });

  it("must live", () => {
    const members = [primary, member("db-2", { state: "stopped" })];
    expect(() => chooseSurvivor("main", members, undefined)).toThrow("main has no standby that lives.");
  });

  it("may lose what is said first", () => {
    const behind = (lag: number | null) => ({ lag, synchronous: false });
    expect(riskOf({ durability: "async" }, behind(4096))).toBe(
      "about 4096 bytes of acknowledged writes that it has not received",
    );
    expect(riskOf({ durability: "async" }, behind(null))).toContain("nobody knows how many");
    expect(riskOf({ durability: "sync" }, { lag: 0, synchronous: true })).toContain("no acknowledged write");
    expect(riskOf({ durability: "sync" }, behind(0))).toBe(
      "what the primary acknowledged without it: it is not the synchronous standby",
    );
  });
});
