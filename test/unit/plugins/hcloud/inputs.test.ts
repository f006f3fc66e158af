import { describe, expect, it } from "vitest";
import { loadTypes } from "../../../../plugins/hcloud/registry.ts";
import { checkInputs } from "../../../../plugins/hcloud/values/inputs.ts";
import { type Autonaming, type Properties, Secret, UNKNOWN } from "../../../../plugins/server/resource.ts";

const types = await loadTypes();

function check(
  name: string,
  news: Properties,
  more: { olds?: Properties; seed?: string; autonaming?: Autonaming } = {},
) {
  const type = types.find(({ token }) => token.endsWith(`:${name}`));
  return checkInputs(type!, {
    urn: "urn:pulumi:test::project::type::web",
    olds: more.olds ?? null,
    news,
    randomSeed: Buffer.from(more.seed ?? "seed"),
    autonaming: more.autonaming ?? null,
  });
}

function reasons(name: string, news: Properties): string[] {
  return check(name, news).failures.map(({ property, reason }) => `${property}: ${reason}`);
}

describe("names", () => {
  const volume = { size: 10 };

  it("are made from the resource's name and the seed, so that preview and update agree", () => {
    const { inputs } = check("Volume", volume);
    expect(inputs).toEqual({
      __defaults: ["name"],
      size: 10,
      name: expect.stringMatching(/^web-[0-9a-f]{7}$/),
    });
    expect(check("Volume", volume).inputs).toEqual(inputs);
    expect(check("Volume", volume, { seed: "other" }).inputs.name).not.toBe(inputs.name);
  });

  it("stay as they are, and a given one is taken", () => {
    const olds = { __defaults: ["name"], size: 10, name: "web-1234567" };
    expect(check("Volume", volume, { olds }).inputs).toEqual({ ...olds });
    expect(check("Volume", { ...volume, name: "own" }, { olds }).inputs).toEqual({
      __defaults: [],
      name: "own",
      size: 10,
    });
  });

  it("that were given once are made anew for the SDK's types and kept for the framework's", () => {
    const given = { __defaults: [], size: 10, name: "own" };
    expect(check("Volume", volume, { olds: given }).inputs.name).toMatch(/^web-/);
    const key = { publicKey: "k" };
    expect(check("SshKey", key, { olds: { ...key, name: "own" } }).inputs).toEqual({
      name: "own",
      publicKey: "k",
    });
  });

  it("follow the project's own rule", () => {
    const named = (autonaming: Autonaming) => check("Volume", volume, { autonaming });
    expect(named({ mode: "propose", name: "p-web" }).inputs.name).toBe("p-web");
    expect(named({ mode: "enforce", name: "p-web" }).inputs.name).toBe("p-web");
    expect(named({ mode: "disable", name: "" }).failures).toEqual([
      {
        property: "name",
        reason: "Automatic naming is disabled but no explicit name was provided: give a name.",
      },
      { property: "name", reason: 'Missing required property "name".' },
    ]);
  });
});

describe("inputs", () => {
  it("are refused all at once, by property", () => {
    const server = { name: "x", serverType: 5, keepDisk: "maybe", volumes: [], status: "off", labels: [] };
    const failures = check("Server", { ...server, networks: [{ ip: "nowhere" }] }).failures;
    expect(failures.map(({ property }) => property).sort()).toEqual([
      "keepDisk",
      "labels",
      "networks[0].ip",
      "status",
      "volumes",
    ]);
    expect(reasons("Volume", { name: "x" })).toEqual(['size: Missing required property "size".']);
    expect(reasons("Volume", { size: "big" })).toEqual(['size: "size" must be a whole number.']);
  });

  it("are refused with what would be right", () => {
    expect(
      reasons("NetworkSubnet", { networkId: 1, type: "lan", networkZone: "z", ipRange: "10.0.0.0" }),
    ).toEqual([
      'type: "type" must be one of cloud, server, vswitch, but is "lan".',
      'ipRange: "10.0.0.0" is no address range, as 10.0.0.0/16.',
    ]);
    expect(reasons("Network", { ipRange: "10.0.0.0/16", labels: { "a b": "c" } })).toEqual([
      'labels: The label key "a b" is not correctly formatted.',
    ]);
    expect(reasons("Server", { serverType: "cx23", datacenter: "fsn1-dc14" })).toEqual([
      'datacenter: The "datacenter" was removed from the API: use "location".',
    ]);
    expect(
      reasons("Firewall", { rules: [{ direction: "in", protocol: "tcp", sourceIps: ["10.0.0.1/8"] }] }),
    ).toEqual(['rules[0].sourceIps[0]: "10.0.0.1/8" is not the start of the address range 10.0.0.0/8.']);
  });

  it("that exclude each other are named", () => {
    expect(reasons("PrimaryIp", { type: "ipv4" })).toEqual([
      "location: Exactly one of location, assigneeId must be given; none is.",
    ]);
    expect(reasons("PrimaryIp", { type: "ipv4", location: "fsn1", assigneeId: 1 })).toEqual([
      "location: Exactly one of location, assigneeId must be given; location and assigneeId are.",
      "assigneeType: assigneeType must be given together with assigneeId.",
    ]);
    expect(
      reasons("ServerNetwork", { serverId: 1, networkId: UNKNOWN, subnetId: "1-10.0.0.0/24" }),
    ).toHaveLength(1);
    expect(reasons("FirewallAttachment", { firewallId: 1, serverIds: [] })).toHaveLength(1);
    expect(reasons("Zone", { name: "z", mode: "secondary" })).toHaveLength(1);
  });

  it("of a server's networks fit together", () => {
    const networks = (...list: Properties[]) => reasons("Server", { serverType: "cx23", networks: list });
    expect(networks({ ip: "10.0.0.2" })).toEqual([
      "networks[0]: Either networkId or subnetId must be given.",
    ]);
    expect(networks({ networkId: 1 }, { subnetId: "1-10.0.0.0/24" })).toEqual([
      "networks[1]: The server is attached to network 1 more than once.",
    ]);
    expect(networks({ networkId: 2, subnetId: "1-10.0.0.0/24" })).toEqual([
      "networks[0]: The subnet 1-10.0.0.0/24 does not belong to network 2.",
    ]);
    expect(networks({ subnetId: "1-10.0.0.0/24", ip: "10.0.1.2" })).toEqual([
      "networks[0]: The address 10.0.1.2 is outside of the subnet 10.0.0.0/24.",
    ]);
    expect(networks({ networkId: UNKNOWN }, { networkId: UNKNOWN })).toEqual([]);
  });

  it("that a preview does not know are taken to be right, and secrets stay secret", () => {
    const { inputs, failures } = check("Server", {
      serverType: UNKNOWN,
      image: new Secret("debian-13"),
      labels: { app: UNKNOWN, team: new Secret("x") },
      networks: UNKNOWN,
      firewallIds: [UNKNOWN],
      userData: new Secret(UNKNOWN),
    });
    expect(failures).toEqual([]);
    expect(inputs.userData).toEqual(new Secret(UNKNOWN));
    expect(inputs.image).toEqual(new Secret("debian-13"));
  });

  it("that are null count as not given", () => {
    expect(check("Volume", { size: 10, name: "x", location: null, labels: undefined }).inputs).toEqual({
      __defaults: [],
      name: "x",
      size: 10,
    });
  });
});
