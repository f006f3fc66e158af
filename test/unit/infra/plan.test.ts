import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Blueprint, NodeGroup } from "../../../infra/blueprint.ts";
import { hetznerPlan, privateAddress } from "../../../infra/hetzner/plan.ts";
import { blueprintOf } from "../../../infra/phases/available.ts";
import { config, embedded } from "./settings.ts";

const golden = (name: string) => `../../../test/unit/infra/golden/${name}.json`;
const print = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;

function planOf(change: Record<string, unknown> = {}) {
  const settings = config(change);
  return hetznerPlan(blueprintOf(settings), settings, "production");
}

describe("the plan", () => {
  it("of production is the stored one", async () => {
    await expect(print(planOf())).toMatchFileSnapshot(golden("single-production"));
  });

  it("of an embedded dev stack is the stored one", async () => {
    const settings = config({}, embedded(), "dev");
    await expect(print(hetznerPlan(blueprintOf(settings), settings, "dev"))).toMatchFileSnapshot(
      golden("single-dev"),
    );
  });

  it("holds no secret", () => {
    const settings = config();
    settings.objectStorage.accessKey = "the-access-key";
    settings.objectStorage.secretKey = "the-secret-key";
    const plan = hetznerPlan(blueprintOf(settings), settings, "production");
    expect(print(plan)).not.toMatch(/the-access-key|the-secret-key/);
  });

  it("opens no port to a range that was not given", () => {
    const closed = planOf({ "phasewise:access": { operators: ["203.0.113.7/32"], database: [] } });
    expect(closed.firewalls.flatMap((firewall) => firewall.rules)).toEqual([
      { description: "SSH for operators", protocol: "tcp", port: "22", sources: ["203.0.113.7/32"] },
      {
        description: "ping, and path MTU discovery",
        protocol: "icmp",
        port: null,
        sources: ["203.0.113.7/32"],
      },
    ]);
  });
});

describe("private addresses", () => {
  it("are the ones that are agreed", () => {
    expect(privateAddress({ group: "core", number: 1 })).toBe("10.0.1.11");
    expect(privateAddress({ group: "db", number: 2 })).toBe("10.0.1.22");
    expect(privateAddress({ group: "app", number: 1 })).toBe("10.0.2.11");
  });
});

/** A blueprint of some cores, databases and applications, as later phases have them. */
function grown(counts: Record<NodeGroup, number>): Blueprint {
  const base = blueprintOf(config());
  const nodes = (Object.keys(counts) as NodeGroup[]).flatMap((group) =>
    Array.from({ length: counts[group] }, (_, index) => ({
      name: `${group}-${index + 1}`,
      group,
      number: index + 1,
      storageGb: group === "app" ? null : 20,
    })),
  );
  const members = nodes.filter((node) => node.group === "db").map((node) => node.name);
  return { ...base, nodes, clusters: base.clusters.map((cluster) => ({ ...cluster, members })) };
}

describe("growing", () => {
  const counts = fc.record({
    core: fc.integer({ min: 1, max: 3 }),
    db: fc.integer({ min: 0, max: 9 }),
    app: fc.integer({ min: 0, max: 9 }),
  });

  it("never moves a machine, and no two machines share an address", () => {
    fc.assert(
      fc.property(counts, counts, (before, more) => {
        const after = { core: before.core + more.core, db: before.db + more.db, app: before.app + more.app };
        const [small, large] = [before, after].map((each) =>
          hetznerPlan(grown(each), config(), "production"),
        );
        const addresses = new Map(large!.machines.map((machine) => [machine.name, machine.privateAddress]));
        for (const machine of small!.machines)
          expect(addresses.get(machine.name)).toBe(machine.privateAddress);
        expect(new Set(addresses.values()).size).toBe(large!.machines.length);
      }),
    );
  });

  it("spreads the machines of a group over hardware from the first one on", () => {
    const plan = hetznerPlan(grown({ core: 1, db: 2, app: 1 }), config(), "production");
    expect(plan.placementGroups).toEqual([{ name: "core" }, { name: "db" }, { name: "app" }]);
    expect(plan.machines.map(({ name, placementGroup }) => [name, placementGroup])).toEqual([
      ["core-1", "core"],
      ["db-1", "db"],
      ["db-2", "db"],
      ["app-1", "app"],
    ]);
  });

  it("gives applications a subnet and a firewall of their own, with no database port in it", () => {
    const plan = hetznerPlan(grown({ core: 1, db: 0, app: 1 }), config(), "production");
    expect(plan.network.subnets).toEqual([
      { name: "data", range: "10.0.1.0/24" },
      { name: "apps", range: "10.0.2.0/24" },
    ]);
    const app = plan.firewalls.find((firewall) => firewall.name === "app");
    expect(app?.rules.map((rule) => rule.port)).toEqual(["22", null]);
  });
});
