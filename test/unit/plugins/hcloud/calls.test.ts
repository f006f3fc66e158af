import { describe, expect, it } from "vitest";
import { loadTypes } from "../../../../plugins/hcloud/registry.ts";
import { resourceType } from "../../../../plugins/hcloud/resource.ts";
import { PartialFailure, type Properties, Secret, UNKNOWN } from "../../../../plugins/server/resource.ts";
import { type DriveOptions, drive } from "../../../../plugins/server/testing.ts";
import { Cast, type RecordedCase, recordedCases, ScriptedApi } from "./recording.ts";

const types = await loadTypes();

/** A resource of the type `name` over a scripted API; `slept` are its waits in milliseconds. */
function stack(name: string, options: DriveOptions = {}) {
  const cast = new Cast();
  const api = new ScriptedApi(cast);
  const slept: number[] = [];
  const settings = {
    endpoint: "http://api.test/v1",
    token: "t",
    pollDelay: () => 0,
    transport: api.transport,
    sleep: async (milliseconds: number) => void slept.push(milliseconds),
  };
  const type = types.find(({ token }) => token.endsWith(`:${name}`))!;
  const driven = drive(
    resourceType(type, () => settings),
    { name: "x", ...options },
  );
  return { api, cast, driven, slept };
}

/** The recorded operation of the official plugin that is called so. */
function recorded(name: string, variant: string, operation = "create"): RecordedCase {
  return recordedCases(name).find((entry) => entry.variant === variant && entry.case === operation)!;
}

/** The reads that end an operation. */
function lastReads({ requests }: RecordedCase): RecordedCase["requests"] {
  const isRead = (step: RecordedCase["requests"][number]) => "call" in step && step.call.startsWith("GET ");
  return requests.slice(requests.findLastIndex((step) => !isRead(step)) + 1);
}

function failed(status: number, code: string, message = "no") {
  return { status, response: { error: { code, message, details: null } } };
}

const action = { id: 9, command: "any", status: "success", error: null, resources: [] };

describe("a create that fails after something was made", () => {
  it("keeps its id and says what happened; the next update only reads", async () => {
    const { requests, inputs } = recorded("server", "plain");
    const { api, driven, cast } = stack("Server");
    const broken = {
      id: 9,
      command: "create_server",
      status: "error",
      error: { code: "action_failed", message: "Action failed" },
    };
    const order = { ...(requests[2] as { call: string }), response: { server: { id: 4 }, action: broken } };
    api.play([requests[0]!, requests[1]!, order as never]);
    const error = await driven.up(cast.fill(inputs) as Properties).catch((thrown: unknown) => thrown);
    expect(api.unexpected).toBeNull();
    expect(error).toBeInstanceOf(PartialFailure);
    expect((error as PartialFailure).reasons).toEqual([
      "Action failed (action_failed, 9)\nThe action create_server failed.",
    ]);
    expect(driven.state).toMatchObject({ id: "4", outputs: { name: "x", ipv4Address: null, status: null } });
    const server = (requests.at(-1) as { response: unknown }).response;
    api.play([
      { call: "GET /servers/4", status: 200, response: server },
      { call: "GET /servers/4", status: 200, response: server },
    ]);
    expect((await driven.up(cast.fill(inputs) as Properties)).steps).toEqual(["update"]);
    expect(driven.state).toMatchObject({ id: "4", initErrors: [], outputs: { status: "running" } });
    expect(api.left).toEqual([]);
  });

  it("leaves nothing behind where nothing was made", async () => {
    const { api, driven } = stack("PlacementGroup");
    api.play([
      {
        call: "POST /placement_groups",
        body: { name: "g", type: "spread" },
        ...failed(422, "invalid_input"),
      },
    ]);
    const error = await driven.up({ name: "g", type: "spread" }).catch((thrown: unknown) => thrown);
    expect(error).not.toBeInstanceOf(PartialFailure);
    expect(driven.state).toBeNull();
  });
});

describe("what is busy", () => {
  it("is tried again: a volume for a server that is just getting another one", async () => {
    const { api, driven, slept } = stack("VolumeAttachment");
    const attach = { call: "POST /volumes/1/actions/attach", body: { server: 2 } };
    api.play([
      { ...attach, ...failed(423, "locked") },
      { ...attach, ...failed(423, "locked") },
      { ...attach, status: 201, response: { action } },
      { call: "GET /volumes/1", status: 200, response: { volume: { id: 1, server: 2 } } },
      { call: "GET /servers/2", status: 200, response: { server: { id: 2 } } },
    ]);
    await driven.up({ volumeId: 1, serverId: 2 });
    expect(api.unexpected).toBeNull();
    expect(slept).toEqual([1000, 2000]);
  });

  it("is given up where it is protected", async () => {
    const { api, driven, slept } = stack("PrimaryIp", {
      state: { id: "5", inputs: {}, outputs: { id: "5", assigneeId: 0 }, initErrors: [] },
    });
    api.play([
      { call: "DELETE /primary_ips/5", ...failed(423, "protected", "primary_ip is delete protected") },
    ]);
    await expect(driven.destroy()).rejects.toThrow("primary_ip is delete protected (protected)");
    expect(slept).toEqual([]);
  });

  it("is left to its network: a subnet that servers are still in", async () => {
    const { api, driven, slept } = stack("NetworkSubnet", {
      state: { id: "3-10.0.1.0/24", inputs: {}, outputs: {}, initErrors: [] },
    });
    const network = { id: 3, subnets: [{ ip_range: "10.0.1.0/24" }] };
    const look = { call: "GET /networks/3", status: 200, response: { network } };
    const body = { ip_range: "10.0.1.0/24" };
    const busy = {
      call: "POST /networks/3/actions/delete_subnet",
      body,
      ...failed(409, "service_error", "servers are attached"),
    };
    api.play(Array.from({ length: 50 }, () => [look, busy]).flat());
    await driven.destroy();
    expect(api.left).toEqual([]);
    expect(slept.slice(0, 4)).toEqual([1000, 2000, 4000, 8000]);
  });
});

describe("a preview", () => {
  it("knows what is given and leaves open what the API decides", async () => {
    const { driven } = stack("Server");
    const userData = new Secret("#cloud-config\n");
    const { outputs } = await driven.preview({ name: "x", serverType: "cx23", location: UNKNOWN, userData });
    expect(outputs).toMatchObject({
      id: UNKNOWN,
      name: "x",
      location: UNKNOWN,
      ipv4Address: UNKNOWN,
      keepDisk: false,
      networks: [],
      userData: new Secret("wK9leoEi2xH7hUH5D+q3hxwsPXE="),
    });
    expect(outputs).not.toHaveProperty("__pulumi_raw_state_delta");
  });

  it("of an update knows what will stay", async () => {
    const { api, driven, cast } = stack("Server");
    const { requests, inputs } = recorded("server", "plain");
    api.play(requests);
    await driven.up(cast.fill(inputs) as Properties);
    const { outputs, diff } = await driven.preview({
      ...(cast.fill(inputs) as Properties),
      labels: { app: UNKNOWN },
    });
    expect(diff?.detailed).toEqual({ labels: "add" });
    expect(outputs).toMatchObject({ ipv4Address: "192.0.2.10", labels: { app: UNKNOWN } });
  });
});

describe("an import", () => {
  const creates = [
    ["sshKey", "SshKey", "plain", "{ssh_key}"],
    ["network", "Network", "plain", "{network}"],
    ["networkSubnet", "NetworkSubnet", "plain", "{network}-10.0.1.0/24"],
    ["networkRoute", "NetworkRoute", "plain", "{network}-10.100.1.0/24"],
    ["placementGroup", "PlacementGroup", "plain", "{placement_group}"],
    ["server", "Server", "plain", "{server}"],
    ["volume", "Volume", "gone before delete", "{volume}"],
    ["primaryIp", "PrimaryIp", "minimal ipv6", "{primary_ip}"],
    ["firewall", "Firewall", "applyTos", "{firewall}"],
    ["firewallAttachment", "FirewallAttachment", "plain", "{firewall}"],
    ["serverNetwork", "ServerNetwork", "networkId", "{server}-{network}"],
    ["volumeAttachment", "VolumeAttachment", "gone before delete", "{volume}"],
    ["loadBalancer", "LoadBalancer", "plain", "{load_balancer}"],
    ["loadBalancerNetwork", "LoadBalancerNetwork", "networkId", "{load_balancer}-{network}"],
    ["loadBalancerService", "LoadBalancerService", "tcp", "{load_balancer}__5432"],
    ["zone", "Zone", "primary", "{zone}"],
    ["zoneRrset", "ZoneRrset", "plain", "example.test/www/A"],
  ] as const;

  it.each(creates)(
    "of a %s needs its id only, and then nothing is to change",
    async (file, name, variant, id) => {
      const create = recorded(file, variant);
      const reads = recordedCases(file)
        .filter((entry) => entry.variant === variant)
        .find((entry) => entry.case === "refresh");
      const { api, cast, driven } = stack(name);
      api.play(reads?.requests ?? lastReads(create));
      expect(await driven.import(String(cast.fill(id)))).toBe(true);
      expect(api.unexpected).toBeNull();
      expect(driven.state?.id).toBe(cast.fill(create.state?.id));
      expect((await driven.preview(cast.fill(create.inputs) as Properties)).diff).toMatchObject({
        changes: false,
      });
    },
  );

  it("says what an id must look like", async () => {
    await expect(stack("LoadBalancerTarget").driven.import("7")).rejects.toThrow(
      'The id "7" cannot be imported: it must be <load balancer>__<type>__<target>.',
    );
    await expect(stack("ZoneRrset").driven.import("www/A")).rejects.toThrow(
      "it must be <zone>/<name>/<type>.",
    );
    await expect(stack("ServerNetwork").driven.import("7")).rejects.toThrow("expected <server>-<network>.");
  });

  it("finds nothing where nothing is", async () => {
    const { api, driven } = stack("Volume");
    api.play([{ call: "GET /volumes/7", ...failed(404, "not_found") }]);
    expect(await driven.import("7")).toBe(false);
  });
});

describe("a refresh", () => {
  it("shows what someone changed, and the next update puts it back", async () => {
    const { api, driven } = stack("PlacementGroup", {
      state: {
        id: "7",
        inputs: { __defaults: ["name"], name: "g", type: "spread", labels: { app: "a" } },
        outputs: { id: "7", name: "g", type: "spread", labels: { app: "a" }, servers: [] },
        initErrors: [],
      },
    });
    const there = { id: 7, name: "other", type: "spread", labels: { app: "b", by: "hand" }, servers: [3] };
    const get = (group: object) => ({
      call: "GET /placement_groups/7",
      status: 200,
      response: { placement_group: group },
    });
    api.play([get(there)]);
    await driven.refresh();
    expect(driven.state?.inputs).toEqual({ name: "other", type: "spread", labels: { app: "b" } });
    expect(driven.state?.outputs).toMatchObject({
      name: "other",
      labels: { app: "b", by: "hand" },
      servers: [3],
    });
    const wanted = { name: "g", type: "spread", labels: { app: "a" } };
    const put = (body: object) => ({ call: "PUT /placement_groups/7", body, status: 200, response: {} });
    api.play([get(there), put({ name: "g" }), put({ labels: { app: "a" } }), get({ ...there, ...wanted })]);
    const { diff } = await driven.up(wanted);
    expect(diff?.detailed).toEqual({ name: "update", "labels.app": "update", "labels.by": "delete" });
    expect(api.left).toEqual([]);
  });
});

describe("an order", () => {
  const inputs = { name: "x", serverType: "cx23", image: "debian-13", location: "fsn1" };
  const serverTypes = (body: object[]) => ({
    call: "GET /server_types?name=cx23",
    status: 200,
    response: { server_types: body },
  });
  const images = (body: object[]) => ({
    call: "GET /images?architecture=x86&include_deprecated=true&name=debian-13",
    status: 200,
    response: { images: body },
  });
  const x86 = { id: 1, name: "cx23", architecture: "x86" };

  it("of a server type or an image that does not exist is refused before anything is made", async () => {
    const { api, driven } = stack("Server");
    api.play([serverTypes([])]);
    await expect(driven.up(inputs)).rejects.toThrow("server type cx23 not found");
    api.play([serverTypes([x86]), images([])]);
    await expect(driven.up(inputs)).rejects.toThrow("image debian-13 for architecture x86 not found");
    expect(driven.state).toBeNull();
  });

  it("of what can no longer be ordered is refused", async () => {
    const { api, driven } = stack("Server");
    api.play([
      serverTypes([{ ...x86, deprecation: { announced: "2020-01-01", unavailable_after: "2020-06-01" } }]),
    ]);
    await expect(driven.up(inputs)).rejects.toThrow(
      'Server type "cx23" is unavailable and can no longer be ordered.',
    );
    api.play([
      serverTypes([x86]),
      images([{ id: 1, name: "debian-13", deprecated: "2020-01-01T00:00:00Z" }]),
    ]);
    await expect(driven.up(inputs)).rejects.toThrow(
      'Image "debian-13" is unavailable and can no longer be ordered.',
    );
  });

  it("names the SSH key that is missing", async () => {
    const { api, driven } = stack("Server");
    const lookups = [
      { call: "GET /ssh_keys/5", ...failed(404, "not_found") },
      { call: "GET /ssh_keys?name=5", status: 200, response: { ssh_keys: [] } },
    ];
    api.play([serverTypes([x86]), images([{ id: 1, name: "debian-13" }]), ...lookups]);
    await expect(driven.up({ ...inputs, sshKeys: ["5"] })).rejects.toThrow("SSH key not found: 5");
  });
});
