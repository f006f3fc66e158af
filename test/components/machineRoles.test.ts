import { describe, expect, it } from "vitest";
import { clusterParameters, machineRoles } from "../../components/machineRoles.ts";
import type { DataLayerSpec, MachineSpec } from "../../components/spec.ts";
import { fromPulumi, requireConfig } from "../../infra/config.ts";
import { hetznerPlan } from "../../infra/hetzner/plan.ts";
import { blueprintOf } from "../../infra/phases/available.ts";

/** One gateway and two databases, as a later phase has them. */
function three(): DataLayerSpec {
  const config = requireConfig(
    fromPulumi(
      "settings",
      {
        "phasewise:phase": "1",
        "phasewise:environment": "production",
        "phasewise:access": '{"operators":["203.0.113.7/32"],"database":["203.0.113.16/28"]}',
        "phasewise:objectStorage": '{"bucket":"acme","accessKey":"a","secretKey":"s"}',
      },
      () => true,
    ),
    "production",
  );
  const single = hetznerPlan(blueprintOf(config), config, "production");
  const [core] = single.machines;
  const machine = (name: string, privateAddress: string, roles: MachineSpec["roles"]): MachineSpec => ({
    ...core!,
    name,
    privateAddress,
    roles,
  });
  const names = ["core-1", "db-1", "db-2"];
  return {
    ...single,
    machines: [
      machine("core-1", "10.0.1.11", ["etcd", "haproxy", "pgbouncer"]),
      machine("db-1", "10.0.1.21", ["etcd", "pgbackrest", "patroni", "readGate"]),
      { ...machine("db-2", "10.0.1.22", ["etcd", "pgbackrest", "patroni", "readGate"]), memoryMb: 8192 },
    ],
    consensus: { members: names, joining: [] },
    clusters: single.clusters.map((cluster) => ({
      ...cluster,
      members: ["db-1", "db-2"],
      gateways: ["core-1"],
    })),
  };
}

/** The openings of a machine's own firewall, as "interface peers -> ports". */
function openings(name: string, layer: DataLayerSpec): string[] {
  const machine = layer.machines.find((each) => each.name === name)!;
  const rules = machineRoles(machine, layer)
    .find((role) => role.name === "firewall")!
    .files.map((file) => file.content)
    .join("\n");
  const pattern = /iifname "(\w+)" ip saddr \{ (.*?) \} tcp dport \{ (.*?) \} accept/g;
  return [...rules.matchAll(pattern)].map(([, on, peers, ports]) => `${on} ${peers} -> ${ports}`);
}

describe("a machine's own firewall", () => {
  it("opens a gateway to clients, and its vote to the other members", () => {
    expect(openings("core-1", three())).toEqual([
      "eth0 203.0.113.7/32 -> 22",
      "eth0 203.0.113.16/28 -> 6432, 6433",
      "enp7s0 10.0.2.0/24 -> 6432, 6433",
      "enp7s0 10.0.1.21, 10.0.1.22 -> 2379",
      "enp7s0 10.0.1.21, 10.0.1.22 -> 2380",
    ]);
  });

  it("opens the exporters' ports to those who measure, on the private network alone", () => {
    const measured = { ...three(), metrics: { peers: ["10.0.2.50/32"] } };
    expect(openings("db-1", measured).at(-1)).toBe("enp7s0 10.0.2.50/32 -> 9100, 9121, 9127, 9128, 9187");
  });

  it("opens the exporters' ports to the machine that sends alerts, which asks all of them", () => {
    const watched: DataLayerSpec = {
      ...three(),
      alerts: {
        machine: "core-1",
        webhook: true,
        slack: false,
        heartbeat: false,
        email: null,
        runbooks: "https://docs.example.com",
        monitoring: false,
        repeatHours: 4,
        drills: [{ kind: "restore", days: 31 }],
      },
    };
    expect(openings("db-1", watched).at(-1)).toBe("enp7s0 10.0.1.11 -> 9100, 9121, 9127, 9128, 9187");
    expect(openings("core-1", watched)).toEqual(openings("core-1", three()));
    const roles = (index: number) => machineRoles(watched.machines[index]!, watched);
    expect(roles(1).map(({ name }) => name)).not.toContain("alerts");
    const settings = roles(0)
      .find(({ name }) => name === "alerts")!
      .files.find(({ path }) => path.endsWith("/prometheus.yaml"))!.content;
    expect(settings.match(/10\.0\.1\.\d+:\d+/g)).toEqual([
      ...["10.0.1.11:9100", "10.0.1.11:9127", "10.0.1.11:9128"],
      ...["10.0.1.21:9100", "10.0.1.21:9187", "10.0.1.22:9100", "10.0.1.22:9187"],
    ]);
  });

  it("opens a database to its own cluster and gateways alone, and never to the world", () => {
    expect(openings("db-1", three())).toEqual([
      "eth0 203.0.113.7/32 -> 22",
      "enp7s0 10.0.1.11, 10.0.1.22 -> 5432",
      "enp7s0 10.0.1.22 -> 8432",
      "enp7s0 10.0.1.11, 10.0.1.22 -> 8010",
      "enp7s0 10.0.1.11, 10.0.1.22 -> 8008",
      "enp7s0 10.0.1.11 -> 8009",
      "enp7s0 10.0.1.11, 10.0.1.22 -> 2379",
      "enp7s0 10.0.1.11, 10.0.1.22 -> 2380",
    ]);
  });
});

describe("the roles of a machine", () => {
  it("are those of its plan, after what all machines have", () => {
    const layer = three();
    const names = (index: number) => machineRoles(layer.machines[index]!, layer).map((role) => role.name);
    const common = ["base", "operators", "tls", "firewall", "data", "updates"];
    expect(names(0)).toEqual([...common, "etcd", "haproxy", "pgbouncer", "metrics"]);
    expect(names(1)).toEqual([...common, "etcd", "pgbackrest", "patroni", "read-gate", "upkeep", "metrics"]);
  });

  it("are refused where the plan is contradictory", () => {
    const layer = three();
    const lost = { ...layer, buckets: [] };
    expect(() => machineRoles(layer.machines[1]!, lost)).toThrow(
      "the cluster main backs up into backups, which is no bucket here",
    );
    const gone = { ...layer, clusters: [] };
    expect(() => machineRoles(layer.machines[1]!, gone)).toThrow("db-1 is no member of any cluster");
    expect(() => machineRoles(layer.machines[0]!, gone)).toThrow("core-1 is no gateway of any cluster");
  });
});

describe("a cluster's parameters", () => {
  it("follow its smallest member, and the file has the last word", () => {
    const layer = three();
    const [cluster] = layer.clusters;
    expect(clusterParameters(cluster!, layer).shared_buffers).toBe("1GB");
    const own = { ...cluster!, parameters: { shared_buffers: "2GB", work_mem: "64MB" } };
    expect(clusterParameters(own, layer)).toMatchObject({ shared_buffers: "2GB", work_mem: "64MB" });
  });
});
