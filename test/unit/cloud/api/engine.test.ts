import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Kinds } from "../../../../cloud/api/model.ts";
import { pruneActions } from "../../../../cloud/api/prune.ts";
import { world } from "../../../../cloud/api/specs.ts";
import { watchServers } from "../../../../cloud/api/watch.ts";
import { Store } from "../../../../cloud/store/store.ts";
import { FakeHypervisor } from "./fakeHypervisor.ts";
import { Harness } from "./harness.ts";

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "phasewise-engine-"));
  path = join(folder, "store.sqlite");
});
afterEach(() => rm(folder, { recursive: true }));

const never = new Promise<void>(() => {});
const plain = { name: "web-1", server_type: "cpx22", image: "debian-13", location: "fsn1" };

/** What a daemon that is killed leaves: its store, and a world in which the call it was in never returned. */
function successor(dead: Harness): Harness {
  dead.store.close();
  const hypervisor = new FakeHypervisor();
  for (const [id, machine] of dead.hypervisor.machines) hypervisor.machines.set(id, machine);
  for (const [id, volume] of dead.hypervisor.volumes) hypervisor.volumes.set(id, volume);
  for (const [id, network] of dead.hypervisor.networks) hypervisor.networks.set(id, network);
  return new Harness(new Store<Kinds>(path), hypervisor);
}

describe("work that a killed daemon left", () => {
  it.each(["createServer", "powerOn"])("is finished: a server that was in %s", async (call) => {
    const dead = new Harness(new Store<Kinds>(path));
    dead.hypervisor.gates.set(call, never);
    const { body } = await dead.post("/servers", plain);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const next = successor(dead);
    expect(await next.server(body.server.id)).toMatchObject({ locked: true });
    next.cloud.engine.kick();
    await next.settled();
    expect(await next.server(body.server.id)).toMatchObject({ status: "running", locked: false });
    for (const action of [body.action, ...body.next_actions]) {
      expect((await next.get(`/actions/${action.id}`)).body.action.status).toBe("success");
    }
    expect(next.hypervisor.machines.get(body.server.id)?.running).toBe(true);
  });

  it("is cleaned up where it cannot be finished", async () => {
    const dead = new Harness(new Store<Kinds>(path));
    dead.hypervisor.gates.set("createServer", never);
    const { body } = await dead.post("/servers", plain);
    const next = successor(dead);
    next.hypervisor.faults.set("createServer", "the image is gone");
    next.cloud.engine.kick();
    await next.settled();
    expect((await next.get(`/servers/${body.server.id}`)).status).toBe(404);
    expect((await next.get("/primary_ips")).body.primary_ips).toEqual([]);
    expect(next.hypervisor.machines.size).toBe(0);
  });

  it.each<[string, (api: Harness, server: number, volume: number) => Promise<unknown>]>([
    ["deleteServer", (api, server) => api.delete(`/servers/${server}`)],
    ["detachVolume", (api, _, volume) => api.post(`/volumes/${volume}/actions/detach`)],
    ["powerOff", (api, server) => api.post(`/servers/${server}/actions/poweroff`)],
    ["rebuild", (api, server) => api.post(`/servers/${server}/actions/rebuild`, { image: "debian-13" })],
    ["resizeVolume", (api, _, volume) => api.post(`/volumes/${volume}/actions/resize`, { size: 30 })],
  ])("is finished: %s", async (call, start) => {
    const dead = new Harness(new Store<Kinds>(path));
    const server = (await dead.makeServer("web-1")).id;
    const { volume } = await dead.make("/volumes", { name: "data", size: 10, server });
    dead.hypervisor.gates.set(call, never);
    await start(dead, server, volume.id);
    const next = successor(dead);
    const unfinished = next.store.all("action").filter((action) => action.status === "running");
    expect(unfinished).toHaveLength(1);
    next.cloud.engine.kick();
    await next.settled();
    expect(next.store.get("action", unfinished[0]?.id ?? 0)?.status).toBe("success");
    expect(next.hypervisor.calls.some((line) => line.startsWith(call))).toBe(true);
  });

  it("leaves nothing locked, whatever the moment of the kill", async () => {
    const dead = new Harness(new Store<Kinds>(path));
    const server = (await dead.makeServer("web-1")).id;
    dead.hypervisor.gates.set("powerOff", never);
    await dead.post(`/servers/${server}/actions/poweroff`);
    const next = successor(dead);
    next.hypervisor.faults.set("powerOff", "no such process");
    next.cloud.engine.kick();
    await next.settled();
    expect(await next.server(server)).toMatchObject({ status: "running", locked: false });
    expect((await next.post(`/servers/${server}/actions/poweron`)).status).toBe(201);
  });
});

describe("a full disk", () => {
  it("refuses requests and changes nothing; what runs is written down when there is room again", async () => {
    const api = new Harness();
    const { id } = await api.makeServer("one");
    const gate = Promise.withResolvers<void>();
    api.hypervisor.gates.set("powerOff", gate.promise);
    await api.post(`/servers/${id}/actions/poweroff`);
    const transact = vi.spyOn(api.store, "transact").mockImplementation(() => {
      throw Object.assign(new Error("database or disk is full"), { code: "ERR_SQLITE_ERROR" });
    });
    gate.resolve();
    expect((await api.post("/placement_groups", { name: "pg", type: "spread" })).status).toBe(500);
    await expect.poll(() => api.logged.join()).toContain("cannot be written yet: database or disk is full");
    expect(await api.server(id)).toMatchObject({ status: "stopping", locked: true });
    transact.mockRestore();
    await api.settled();
    expect(await api.server(id)).toMatchObject({ status: "off", locked: false });
    expect((await api.get("/placement_groups")).body.placement_groups).toEqual([]);
  });
});

describe("the world after a restart", () => {
  it("is described whole: what should run, its volumes, its networks", async () => {
    const api = new Harness();
    const { network } = await api.make("/networks", {
      name: "net",
      ip_range: "10.0.0.0/16",
      subnets: [{ type: "cloud", ip_range: "10.0.1.0/24", network_zone: "eu-central" }],
    });
    const on = await api.makeServer("on", { networks: [network.id] });
    const off = await api.makeServer("off", { start_after_create: false });
    const { volume } = await api.make("/volumes", { name: "data", size: 10, server: on.id });
    const described = world(api.store);
    expect(described.servers.map(({ id, running }) => [id, running])).toEqual([
      [on.id, true],
      [off.id, false],
    ]);
    expect(described.servers[0]?.volumes.map(({ id }) => id)).toEqual([volume.id]);
    expect(described.volumes).toMatchObject([{ id: volume.id, serverId: on.id }]);
    expect(described.networks).toMatchObject([{ id: network.id, subnets: [{ ipRange: "10.0.1.0/24" }] }]);
  });

  it("is looked at: a machine that did not come back is off", async () => {
    const api = new Harness();
    const { id } = await api.makeServer("one");
    const machine = api.hypervisor.machines.get(id);
    if (machine) machine.running = false;
    const watch = await watchServers(api.cloud, () => {});
    expect((await api.server(id)).status).toBe("off");
    await watch.stop();
  });

  it("is watched: a machine that goes off by itself is off and stays off", async () => {
    const api = new Harness();
    const { id } = await api.makeServer("one");
    const watch = await watchServers(api.cloud, () => {});
    await api.make(`/servers/${id}/actions/shutdown`, {});
    expect((await api.server(id)).status).toBe("running");
    await expect.poll(async () => (await api.server(id)).status, { timeout: 5000 }).toBe("off");
    expect(world(api.store).servers[0]?.running).toBe(false);
    await watch.stop();
  });
});

describe("finished actions", () => {
  it("are forgotten after a week, running ones never", async () => {
    const api = new Harness();
    await api.makeServer("one");
    api.hypervisor.gates.set("powerOff", never);
    const { id } = api.store.all("server")[0] ?? { id: 0 };
    await api.post(`/servers/${id}/actions/poweroff`);
    pruneActions(api.store, Date.now() + 6 * 24 * 3600_000);
    expect(api.store.count("action")).toBe(3);
    pruneActions(api.store, Date.now() + 8 * 24 * 3600_000);
    expect(api.store.all("action").map((action) => action.status)).toEqual(["running"]);
  });
});
