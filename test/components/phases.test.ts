import { beforeAll, describe, expect, it } from "vitest";
import { topologySchema } from "../../infra/topology.ts";
import { type Registered, resolved, run, withoutSecrets } from "./mocks.ts";

/** As Pulumi hands it over. */
const settings = {
  "hcloud:token": "t".repeat(64),
  "phasewise:environment": "production",
  "phasewise:access": '{"operators":["203.0.113.7/32"],"database":["203.0.113.16/28"]}',
  "phasewise:objectStorage": '{"bucket":"acme","accessKey":"a","secretKey":"s"}',
};

async function declare(
  phase: number,
  stage?: { from: 1 | 2 | 3; to: 1 | 2 | 3; state: "expanded" },
  more: Record<string, string> = {},
) {
  const { program } = await import("../../infra/program.ts");
  return run(() => program(stage), {
    stack: "production",
    config: { ...settings, "phasewise:phase": String(phase), ...more },
    secrets: ["hcloud:token", "phasewise:objectStorage"],
  });
}

type Declared = Awaited<ReturnType<typeof declare>>;
const short = ({ type, name }: Registered) => `${type.split(":").at(-1)} ${name}`;
const named = ({ registered }: Declared, type: string) =>
  registered
    .filter((each) => each.custom && each.type.split(":").at(-1) === type)
    .map(({ name }) => name.replace("phasewise-", ""))
    .sort();
const one = ({ registered }: Declared, what: string): Registered => {
  const found = registered.filter((each) => each.custom && short(each) === what);
  expect(found, what).toHaveLength(1);
  return found[0]!;
};

describe("phase 2", () => {
  let declared: Declared;
  beforeAll(async () => {
    declared = await declare(2);
  });

  it("has a gateway and two databases, each with its own volume, address and Host", () => {
    const machines = ["core-1", "db-1", "db-2"];
    expect(named(declared, "Server")).toEqual(machines);
    expect(named(declared, "PrimaryIp")).toEqual(machines);
    expect(named(declared, "Host")).toEqual(machines);
    expect(named(declared, "Volume")).toEqual(machines.map((name) => `${name}-data`));
    expect(named(declared, "LoadBalancer")).toEqual([]);
  });

  it("spreads the databases over hardware", () => {
    const group = one(declared, "PlacementGroup phasewise-db");
    expect(group.inputs.type).toBe("spread");
    const groups = ["db-1", "db-2"].map(
      (name) => one(declared, `Server phasewise-${name}`).inputs.placementGroupId,
    );
    expect(new Set(groups).size).toBe(1);
    expect(groups[0]).not.toBe(one(declared, "Server phasewise-core-1").inputs.placementGroupId);
  });

  it("opens nothing but SSH of the databases' machines", () => {
    const { rules } = one(declared, "Firewall phasewise-db").inputs as { rules: { port?: string }[] };
    expect(rules.map((rule) => rule.port)).toEqual(["22", undefined]);
  });

  it("waits for both members of its cluster", () => {
    const { members } = one(declared, "Cluster phasewise-main").inputs as {
      members: { name: string; joining?: boolean }[];
    };
    expect(members.map(({ name, joining }) => [name, joining ?? false])).toEqual([
      ["db-1", false],
      ["db-2", false],
    ]);
  });
});

describe("the way from phase 1 to phase 2", () => {
  it("joins the new machines to what runs, one after the other", async () => {
    const declared = await declare(1, { from: 1, to: 2, state: "expanded" });
    const initial = (name: string) => {
      const { manifest } = one(declared, `Host phasewise-${name}`).inputs as {
        manifest: { roles: { files: { path: string; content: string; seed?: boolean }[] }[] };
      };
      const file = manifest.roles
        .flatMap((role) => role.files)
        .find(({ path }) => path.endsWith("etcd-initial"))!;
      expect(file.seed).toBe(true);
      const members = /^ETCD_INITIAL_CLUSTER=(.*)$/m.exec(file.content)![1]!;
      return [/STATE=(\w+)/.exec(file.content)![1], members.split(",").map((each) => each.split("=")[0])];
    };
    expect(initial("db-1")).toEqual(["existing", ["core-1", "db-1"]]);
    expect(initial("db-2")).toEqual(["existing", ["core-1", "db-1", "db-2"]]);
    const { members } = one(declared, "Cluster phasewise-main").inputs as {
      members: { name: string; joining?: boolean }[];
    };
    expect(members.filter(({ joining }) => joining).map(({ name }) => name)).toEqual(["db-1", "db-2"]);
    expect(declared.result.deployed).toMatchObject({ phase: 1, transition: { from: 1, to: 2 } });
  });
});

describe("phase 3", () => {
  let declared: Declared;
  beforeAll(async () => {
    declared = await declare(3);
  });

  it("adds a gateway, a standby for reads, application servers and load balancers", () => {
    expect(named(declared, "Server")).toEqual(["app-1", "app-2", "core-1", "core-2", "db-1", "db-2", "db-3"]);
    expect(named(declared, "Volume").some((name) => name.startsWith("app"))).toBe(false);
    expect(named(declared, "LoadBalancer")).toEqual(["apps", "gateways"]);
    expect(named(declared, "LoadBalancerTarget")).toEqual([
      "apps-app-1",
      "apps-app-2",
      "gateways-core-1",
      "gateways-core-2",
    ]);
  });

  it("asks applications for their health every 10 s on port 4000, round robin", () => {
    expect(one(declared, "LoadBalancer phasewise-apps").inputs.algorithm).toEqual({ type: "round_robin" });
    expect(one(declared, "LoadBalancerService phasewise-apps-80").inputs).toMatchObject({
      protocol: "http",
      listenPort: 80,
      destinationPort: 4000,
      healthCheck: { protocol: "http", port: 4000, interval: 10, http: { path: "/health" } },
    });
  });

  it("keeps the database's load balancer out of the internet: no firewall would stand in front of it", () => {
    expect(one(declared, "LoadBalancerNetwork phasewise-gateways-network").inputs.enablePublicInterface).toBe(
      false,
    );
    expect(one(declared, "LoadBalancerNetwork phasewise-apps-network").inputs.enablePublicInterface).toBe(
      true,
    );
    expect(named(declared, "LoadBalancerService")).toEqual(["apps-80", "gateways-6432", "gateways-6433"]);
  });

  it("lets certificates of gateways carry the load balancer's address", () => {
    for (const name of ["core-1", "core-2"])
      expect(one(declared, `Certificate phasewise-${name}-endpoint`).inputs.ipAddresses).toContain(
        "10.0.1.5",
      );
  });

  it("protects its load balancers", () => {
    for (const name of ["apps", "gateways"]) {
      const balancer = one(declared, `LoadBalancer phasewise-${name}`);
      expect(balancer.protect).toBe(true);
      expect(balancer.inputs.deleteProtection).toBe(true);
    }
  });

  it("tells of the places where clients connect", async () => {
    const { result } = declared;
    expect(result).toMatchObject({
      DB_PORT: 6432,
      DB_READ_PORT: 6433,
      DB_PRIVATE_HOST: "10.0.1.5",
      phase: 3,
    });
    const topology = topologySchema.parse((await resolved(result.topology)).value);
    expect(topology.consensus.members).toEqual(["core-1", "db-1", "db-2"]);
    expect(topology.clusters[0]).toMatchObject({
      members: ["db-1", "db-2", "db-3"],
      gateways: ["core-1", "core-2"],
    });
    expect(topology.loadBalancers.map(({ name, machines }) => [name, machines])).toEqual([
      ["gateways", ["core-1", "core-2"]],
      ["apps", ["app-1", "app-2"]],
    ]);
  });

  it("gives application servers what they need, and no key of anybody else", () => {
    const { secrets, manifest } = one(declared, "Host phasewise-app-1").inputs as {
      secrets: Record<string, unknown>;
      manifest: { roles: { name: string }[] };
    };
    expect(manifest.roles.map(({ name }) => name)).toContain("application");
    expect(Object.keys(withoutSecrets(secrets) as object)).not.toContain("backup-cipher");
    expect(Object.keys(withoutSecrets(secrets) as object)).not.toContain("replicator-password");
  });
});

describe("a cache's backups", () => {
  it.each([
    [1, ["core-1"]],
    [2, ["core-1"]],
    [3, ["core-1", "core-2"]],
  ])("phase %i: its machines, and no others, have what they take", async (phase, machines) => {
    const declared = await declare(phase, undefined, { "phasewise:redis": '{"enabled":true}' });
    const hosts = declared.registered
      .filter(({ custom, type }) => custom && type.endsWith(":Host"))
      // As the engine hands over what is secret as a whole.
      .map(({ inputs, name }) => ({ name, secrets: (inputs.secrets as { value: object }).value }));
    const holding = hosts.filter(({ secrets }) => "redis-backup-cipher" in secrets);
    expect(holding.map(({ name }) => name.replace("phasewise-", "")).sort()).toEqual(machines);
    for (const { secrets } of holding)
      expect(Object.keys(secrets)).toEqual(
        expect.arrayContaining(["backup-access-key", "backup-secret-key", "redis-backup-password"]),
      );
  });
});
