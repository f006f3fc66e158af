import { Network, NetworkSubnet, PlacementGroup, Server, SshKey } from "@pulumi/hcloud";
import * as pulumi from "@pulumi/pulumi";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Bench, bench, findPulumi } from "../pulumi.ts";
import { FakeApi } from "./fakeApi.ts";

const cli = findPulumi();
const reason = cli === null ? " (skipped: no Pulumi CLI found on this machine)" : "";
const plugin = new URL("../../../../plugins/hcloud/bin", import.meta.url).pathname;
const key = `ssh-ed25519 ${"A".repeat(68)} test`;
const userData = "#cloud-config\npassword: hunter2222\n";

function declare(change: { labels?: Record<string, string>; range?: string; image?: string } = {}) {
  return async () => {
    const ssh = new SshKey("ssh", { publicKey: key });
    const network = new Network("net", { ipRange: change.range ?? "10.0.0.0/16", labels: change.labels });
    const subnet = new NetworkSubnet("sub", {
      networkId: network.id.apply(Number),
      type: "cloud",
      networkZone: "eu-central",
      ipRange: "10.0.1.0/24",
    });
    new PlacementGroup("group", { name: "group", type: "spread", labels: change.labels });
    const server = new Server("core", {
      name: "core-1",
      serverType: "cx23",
      image: change.image ?? "debian-13",
      location: "fsn1",
      sshKeys: [ssh.id],
      userData: pulumi.secret(userData),
    });
    return { gateway: subnet.gateway, address: server.ipv4Address, hash: server.userData };
  };
}

describe.skipIf(cli === null)(`the SDK's own classes on the stand-in${reason}`, { timeout: 60_000 }, () => {
  let api: FakeApi;
  let one: Bench;
  beforeAll(async () => {
    api = new FakeApi();
    one = await bench(cli!, [{ name: "hcloud", path: plugin }], {
      HCLOUD_TOKEN: "t".repeat(64),
      HCLOUD_ENDPOINT: await api.start(),
    });
    await one.stack.setConfig("hcloud:pollInterval", { value: "1ms" });
  });
  afterAll(async () => {
    await one[Symbol.asyncDispose]();
    await api[Symbol.asyncDispose]();
  });

  it("previews without a request", async () => {
    one.program = declare();
    expect((await one.stack.preview()).changeSummary).toEqual({ create: 6 });
    expect(api.requests).toEqual([]);
  });

  it("creates, and then finds nothing to do without a request", async () => {
    const { outputs, stdout } = await one.stack.up();
    expect(stdout).not.toContain("hunter2222");
    expect(outputs.gateway?.value).toBe("10.0.0.1");
    expect(outputs.address?.value).toBe("192.0.2.1");
    expect(outputs.hash).toEqual({ value: "tM9uBbNm0qdO4WbOb1Xh4ypOcYM=", secret: true });
    expect(one.stored()).toContain("core-1");
    expect(one.stored()).not.toContain("hunter2222");
    api.requests.length = 0;
    expect((await one.stack.up()).summary.resourceChanges).toEqual({ same: 6 });
    expect(api.requests).toEqual([]);
  });

  it("finds no drift, and finds drift", async () => {
    expect((await one.stack.refresh()).summary.resourceChanges).toEqual({ same: 6 });
    Object.assign(api.things.get("networks")![0]!, { labels: { by: "hand" } });
    expect((await one.stack.refresh()).summary.resourceChanges).toEqual({ same: 5, update: 1 });
    expect((await one.stack.up()).summary.resourceChanges).toEqual({ same: 5, update: 1 });
    expect(api.things.get("networks")![0]!.labels).toEqual({});
  });

  it("updates in place and shows which keys", async () => {
    one.program = declare({ labels: { team: "data" } });
    const { stdout, changeSummary } = await one.stack.preview({ diff: true, color: "never" });
    expect(changeSummary).toEqual({ same: 4, update: 2 });
    expect(stdout).toContain('team: "data"');
    await one.stack.up();
    expect(api.things.get("placement_groups")![0]!.labels).toEqual({ team: "data" });
  });

  it("replaces an automatically named network after its successor is there, and what hangs on it", async () => {
    one.program = declare({ labels: { team: "data" }, range: "10.0.0.0/15" });
    api.requests.length = 0;
    expect((await one.stack.up()).summary.resourceChanges).toEqual({ same: 4, replace: 2 });
    const writes = api.requests.filter((request) => !request.startsWith("GET"));
    expect(writes.map((request) => request.replaceAll(/\d+/g, "N"))).toEqual([
      "POST /networks",
      "POST /networks/N/actions/add_subnet",
      "POST /networks/N/actions/delete_subnet",
      "DELETE /networks/N",
    ]);
  });

  it("deletes a named server before it makes its successor", async () => {
    one.program = declare({ labels: { team: "data" }, range: "10.0.0.0/15", image: "1" });
    api.requests.length = 0;
    await one.stack.up();
    const writes = api.requests.filter((request) => !request.startsWith("GET"));
    expect(writes[0]).toMatch(/^DELETE \/servers/);
    expect(writes[1]).toBe("POST /servers");
  });

  it("imports what is there", async () => {
    const { id } = api.things.get("networks")![0]!;
    const before = one.program;
    one.program = async () => {
      await before();
      new Network(
        "again",
        {
          name: String(api.things.get("networks")![0]!.name),
          ipRange: "10.0.0.0/15",
          labels: { team: "data" },
        },
        { import: String(id) },
      );
    };
    expect((await one.stack.up()).summary.resourceChanges).toEqual({ same: 6, import: 1 });
  });

  it("destroys all of it", async () => {
    // The imported network is the same thing as another resource: its second deletion finds nothing.
    await one.stack.destroy();
    expect([...api.things.values()].flat()).toEqual([]);
  });
});

describe.skipIf(cli === null)(`the stand-in's configuration${reason}`, { timeout: 60_000 }, () => {
  it("is checked before anything else", async () => {
    await using one = await bench(cli!, [{ name: "hcloud", path: plugin }]);
    one.program = declare();
    await one.stack.setConfig("hcloud:token", { value: "short", secret: true });
    await expect(one.stack.preview()).rejects.toThrow(
      "entered token is invalid (must be exactly 64 characters long, but has 5)",
    );
  });
});
