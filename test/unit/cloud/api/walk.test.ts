import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, it } from "vitest";
import { BalancerKeeper } from "../../../../cloud/api/keepBalancers.ts";
import type { Kinds } from "../../../../cloud/api/model.ts";
import { world } from "../../../../cloud/api/specs.ts";
import { watchServers } from "../../../../cloud/api/watch.ts";
import { Store } from "../../../../cloud/store/store.ts";
import type { FakeHypervisor } from "./fakeHypervisor.ts";
import { Harness, type Json } from "./harness.ts";

/** Random requests, with a daemon that is killed now and then: in the end the world is what the store says. */

type Step = { kind: string; a: number; b: number; kill: "no" | "before" | "after" };

const kinds = [
  ["server", 3],
  ["volume", 2],
  ["network", 1],
  ["subnet", 1],
  ["firewall", 1],
  ["rules", 1],
  ["address", 1],
  ["attach", 3],
  ["detach", 2],
  ["resize", 1],
  ["join", 3],
  ["leave", 1],
  ["alias", 1],
  ["poweron", 2],
  ["poweroff", 2],
  ["reset", 1],
  ["rebuild", 1],
  ["type", 1],
  ["label", 3],
  ["assign", 1],
  ["unassign", 1],
  ["deleteServer", 2],
  ["deleteVolume", 1],
  ["deleteNetwork", 1],
  ["balancer", 1],
  ["service", 2],
  ["target", 2],
  ["selector", 1],
  ["connect", 2],
  ["disconnect", 1],
  ["deleteBalancer", 1],
] as const;

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.oneof(...kinds.map(([kind, weight]) => ({ weight, arbitrary: fc.constant<string>(kind) }))),
  a: fc.nat(5),
  b: fc.nat(5),
  kill: fc.oneof(
    { weight: 6, arbitrary: fc.constant("no" as const) },
    { weight: 1, arbitrary: fc.constant("before" as const) },
    { weight: 1, arbitrary: fc.constant("after" as const) },
  ),
});

async function pick(api: Harness, path: string, index: number): Promise<Json> {
  const list = (await api.get(`/${path}?per_page=50`)).body[path];
  return list[index % Math.max(1, list.length)] ?? { id: 1 };
}

async function request(api: Harness, { kind, a, b }: Step): Promise<void> {
  const server = await pick(api, "servers", a);
  const volume = await pick(api, "volumes", b);
  const network = await pick(api, "networks", b);
  const address = await pick(api, "primary_ips", b);
  const balancer = await pick(api, "load_balancers", a);
  const balance = (name: string, body: object = {}) =>
    api.post(`/load_balancers/${balancer.id}/actions/${name}`, body);
  const act = (name: string, body: object = {}) => api.post(`/servers/${server.id}/actions/${name}`, body);
  const unique = `${kind}-${api.store.revision}`;
  const requests: Record<string, () => Promise<unknown>> = {
    server: () =>
      api.post("/servers", {
        name: unique,
        server_type: "cpx22",
        image: "debian-13",
        location: "fsn1",
        ssh_keys: [],
        labels: { group: String(b % 2) },
        start_after_create: a % 2 === 0,
        ...(b % 3 === 0 && volume.status ? { volumes: [volume.id] } : {}),
        ...(b % 4 === 0 && network.subnets?.length ? { networks: [network.id] } : {}),
      }),
    volume: () =>
      api.post("/volumes", {
        name: unique,
        size: 10,
        ...(b % 2 && server.name ? { server: server.id } : { location: "fsn1" }),
      }),
    network: () => api.post("/networks", { name: unique, ip_range: `10.${b * 2}.0.0/15` }),
    subnet: () =>
      api.post(`/networks/${network.id}/actions/add_subnet`, { type: "cloud", network_zone: "eu-central" }),
    firewall: () =>
      api.post("/firewalls", {
        name: unique,
        rules: [{ direction: "in", protocol: "tcp", port: String(a + 1), source_ips: ["0.0.0.0/0"] }],
        apply_to: [{ type: "label_selector", label_selector: { selector: `group=${b % 2}` } }],
      }),
    rules: async () =>
      api.post(`/firewalls/${(await pick(api, "firewalls", a)).id}/actions/set_rules`, { rules: [] }),
    address: () => api.post("/primary_ips", { name: unique, type: "ipv4", location: "fsn1" }),
    attach: () => api.post(`/volumes/${volume.id}/actions/attach`, { server: server.id }),
    detach: () => api.post(`/volumes/${volume.id}/actions/detach`),
    resize: () => api.post(`/volumes/${volume.id}/actions/resize`, { size: (volume.size ?? 10) + 1 }),
    join: () => act("attach_to_network", { network: network.id }),
    leave: () => act("detach_from_network", { network: network.id }),
    alias: () => act("change_alias_ips", { network: network.id, alias_ips: [] }),
    poweron: () => act("poweron"),
    poweroff: () => act("poweroff"),
    reset: () => act("reset"),
    rebuild: () => act("rebuild", { image: "debian-13" }),
    type: () => act("change_type", { server_type: b % 2 ? "cpx32" : "cpx22", upgrade_disk: false }),
    label: () => api.put(`/servers/${server.id}`, { labels: { group: String(b % 3) } }),
    assign: () =>
      api.post(`/primary_ips/${address.id}/actions/assign`, {
        assignee_id: server.id,
        assignee_type: "server",
      }),
    unassign: () => api.post(`/primary_ips/${address.id}/actions/unassign`),
    deleteServer: () => api.delete(`/servers/${server.id}`),
    deleteVolume: () => api.delete(`/volumes/${volume.id}`),
    deleteNetwork: () => api.delete(`/networks/${network.id}`),
    balancer: () =>
      api.post("/load_balancers", { name: unique, load_balancer_type: "lb11", network_zone: "eu-central" }),
    service: () =>
      balance(a % 3 ? "add_service" : "delete_service", {
        protocol: "tcp",
        listen_port: b + 1,
        destination_port: 80,
      }),
    target: () =>
      balance(a % 3 ? "add_target" : "remove_target", {
        type: "server",
        server: { id: server.id },
        use_private_ip: b % 2 === 0,
      }),
    selector: () =>
      balance("add_target", { type: "label_selector", label_selector: { selector: `group=${b % 2}` } }),
    connect: () => balance("attach_to_network", { network: network.id }),
    disconnect: () => balance("detach_from_network", { network: network.id }),
    deleteBalancer: () => api.delete(`/load_balancers/${balancer.id}`),
  };
  const send = requests[kind];
  if (!send) throw new Error(`no request called ${kind}`);
  await send();
}

/** A new daemon over the same store and the same world. */
async function restart(path: string, hypervisor: FakeHypervisor): Promise<Harness> {
  const api = new Harness(new Store<Kinds>(path), hypervisor);
  await hypervisor.reconcile(world(api.store));
  const watch = await watchServers(api.cloud, (line) => api.logged.push(line));
  await watch.stop();
  api.cloud.engine.kick();
  return api;
}

async function check(api: Harness): Promise<void> {
  const { machines, volumes, networks, balancers } = api.hypervisor;
  await new BalancerKeeper(api.cloud, (line) => api.logged.push(line)).look();
  const wanted = world(api.store);
  expect(api.logged).toEqual([]);
  expect([...machines.keys()].sort()).toEqual(wanted.servers.map(({ id }) => id).sort());
  for (const server of wanted.servers) {
    const machine = machines.get(server.id);
    expect(api.store.get("server", server.id)?.status).toBe(machine?.running ? "running" : "off");
    expect(machine?.running).toBe(server.running);
    expect(machine?.firewall).toEqual(server.firewall);
    expect([...(machine?.networks.values() ?? [])].sort((a, b) => a.networkId - b.networkId)).toEqual(
      [...server.networks].sort((a, b) => a.networkId - b.networkId),
    );
    expect([machine?.spec.ipv4, machine?.spec.ipv6, machine?.spec.memoryBytes]).toEqual([
      server.ipv4,
      server.ipv6,
      server.memoryBytes,
    ]);
  }
  expect([...volumes.values()].sort((a, b) => a.id - b.id)).toEqual(wanted.volumes);
  expect([...networks.values()].sort((a, b) => a.id - b.id)).toEqual(wanted.networks);
  expect([...balancers.values()].sort((a, b) => a.id - b.id)).toEqual(wanted.loadBalancers);
  const addresses = api.store.all("primary_ip");
  expect(new Set(addresses.map(({ ip }) => ip)).size).toBe(addresses.length);
  const owners = new Set([...wanted.servers, ...wanted.loadBalancers].map(({ id }) => id));
  expect(addresses.filter(({ assignee }) => assignee !== null && !owners.has(assignee))).toEqual([]);
}

it("ends with the world that the store describes, whatever is asked and whenever the daemon is killed", async () => {
  const folder = await mkdtemp(join(tmpdir(), "phasewise-walk-"));
  try {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
        const path = join(folder, `${run++}.sqlite`);
        let api = new Harness(new Store<Kinds>(path));
        for (const next of steps) {
          if (next.kill === "no") {
            await request(api, next);
            // Half of the requests meet work that is still under way.
            if (next.a % 2) await api.settled();
            continue;
          }
          await api.settled();
          api.hypervisor.dieIn(next.kill);
          await Promise.race([request(api, next), api.hypervisor.dead, api.settled()]);
          api.store.close();
          api = await restart(path, api.hypervisor.survivor());
        }
        await api.settled();
        await check(api);
        api.store.close();
      }),
      { numRuns: 25 },
    );
  } finally {
    await rm(folder, { recursive: true });
  }
}, 120_000);
