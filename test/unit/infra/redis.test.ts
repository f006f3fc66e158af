import { describe, expect, it } from "vitest";
import { hetznerPlan } from "../../../infra/hetzner/plan.ts";
import { blueprintOf } from "../../../infra/phases/available.ts";
import { config, faults } from "./settings.ts";

const on = (more: Record<string, unknown> = {}) => ({ "phasewise:redis": { enabled: true, ...more } });

describe("the settings of Redis", () => {
  it("have defaults once it is wanted", () => {
    expect(config(on()).redis).toEqual({ enabled: true, memoryMb: 256, evictionPolicy: "allkeys-lru" });
  });

  it("name a policy that Redis has", () => {
    expect(faults(on({ evictionPolicy: "allkey-lru" }))).toEqual([
      'phasewise:redis.evictionPolicy: "allkey-lru" | allkeys-lru, allkeys-lfu, allkeys-random, volatile-lru,' +
        " volatile-lfu, volatile-random, volatile-ttl or noeviction | did you mean allkeys-lru?",
    ]);
  });

  it("fit the machine beside PostgreSQL", () => {
    expect(faults(on({ memoryMb: 512 }))).toEqual([]);
    expect(faults(on({ memoryMb: 513 }))).toEqual([
      "phasewise:redis.memoryMb: 513 | 512 (MB) at most on a cpx22, which has 4 GB: that much fits beside PostgreSQL" +
        " | set it to 512 or less, or take a larger server.type",
    ]);
  });

  it("fit a larger part of a machine without PostgreSQL", () => {
    const managed = { "phasewise:phase": 2 };
    expect(faults({ ...on({ memoryMb: 1536 }), ...managed, "phasewise:volume": { sizeGb: 30 } })).toEqual([]);
    expect(faults({ ...on({ memoryMb: 1537 }), ...managed, "phasewise:volume": { sizeGb: 40 } })).toEqual([
      "phasewise:redis.memoryMb: 1537 | 1536 (MB) at most on a cpx22, which has 4 GB: that much fits beside its own" +
        " copy for saving | set it to 1536 or less, or take a larger server.type",
    ]);
  });

  it("fit the volume", () => {
    expect(faults({ ...on({ memoryMb: 512 }), "phasewise:volume": { sizeGb: 10 } })).toEqual([]);
    const large = { ...on({ memoryMb: 1024 }), "phasewise:server": { type: "cpx32" } };
    expect(faults({ ...large, "phasewise:volume": { sizeGb: 10 } })).toEqual([
      "phasewise:redis.memoryMb: 1024, whose file takes up to 4 GB | a fifth of the volume at most, which has 10 GB" +
        " | set volume.sizeGb to 20 or more, or redis.memoryMb to 512 or less",
    ]);
  });

  it("are not judged where it is off", () => {
    expect(faults({ "phasewise:redis": { memoryMb: 9999 } })).toEqual([]);
  });
});

describe("the plan with Redis", () => {
  const settings = config(on({ evictionPolicy: "noeviction" }));
  const plan = hetznerPlan(blueprintOf(settings), settings, "production");

  it("puts it on the gateway that clients know, in every phase", () => {
    const caches = [
      {
        name: "cache",
        machines: ["core-1"],
        gateways: ["core-1"],
        sentinels: [],
        memoryMb: 256,
        evictionPolicy: "noeviction",
        backup: { bucket: "backups", second: null, time: "02:30", retentionDays: 30 },
      },
    ];
    expect(plan.caches).toEqual(caches);
    expect(plan.machines[0]?.roles).toContain("redis");
    const managed = config({ ...on({ evictionPolicy: "noeviction" }), "phasewise:phase": 2 });
    expect(hetznerPlan(blueprintOf(managed), managed, "production").caches).toEqual(caches);
  });

  it("opens its port to the database's clients alone", () => {
    expect(plan.firewalls[0]?.rules.at(-1)).toEqual({
      description: "the cache",
      protocol: "tcp",
      port: "6379",
      sources: ["203.0.113.16/28"],
    });
  });

  it("has no trace of it where it is off", () => {
    const off = hetznerPlan(blueprintOf(config()), config(), "production");
    expect(off.caches).toEqual([]);
    expect(JSON.stringify(off)).not.toMatch(/redis|6379/);
  });
});
