import { describe, expect, it } from "vitest";
import { expectRefusal, Harness, type Json, publicKey } from "./harness.ts";

describe("SSH keys", () => {
  it("have the MD5 fingerprint, and are unique by name and by key", async () => {
    const api = new Harness();
    const { ssh_key: key } = await api.make("/ssh_keys", {
      name: "me",
      public_key: publicKey,
      labels: { a: "b" },
    });
    expect(key).toEqual({
      id: key.id,
      name: "me",
      fingerprint: "3d:52:38:ce:ff:94:f5:d7:81:a4:a4:f9:2b:4f:fe:a0",
      public_key: publicKey,
      labels: { a: "b" },
      created: expect.stringMatching(/Z$/),
    });
    expectRefusal(
      await api.post("/ssh_keys", { name: "me", public_key: publicKey }),
      409,
      "uniqueness_error",
      "SSH key name is already used",
    );
    expectRefusal(
      await api.post("/ssh_keys", { name: "you", public_key: publicKey }),
      409,
      "uniqueness_error",
      "SSH key with the same fingerprint already exists",
    );
    expect((await api.get(`/ssh_keys?fingerprint=${key.fingerprint}`)).body.ssh_keys).toHaveLength(1);
    expect((await api.put(`/ssh_keys/${key.id}`, { name: "myself" })).body.ssh_key).toMatchObject({
      name: "myself",
      labels: { a: "b" },
    });
    expect(await api.delete(`/ssh_keys/${key.id}`)).toMatchObject({ status: 204, body: null });
    expect((await api.delete(`/ssh_keys/${key.id}`)).status).toBe(404);
  });

  it.each([
    "",
    "ssh-ed25519",
    "ssh-ed25519 AAAA",
    "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIAAA",
    `${publicKey}\n${publicKey}`,
  ])("refuse %j", async (text) => {
    const reply = await new Harness().post("/ssh_keys", { name: "me", public_key: text });
    expectRefusal(reply, 422, "invalid_input", "invalid input in field 'public_key'");
  });
});

async function withNetwork(): Promise<{ api: Harness; id: number }> {
  const api = new Harness();
  const { network } = await api.make("/networks", { name: "net", ip_range: "10.0.0.0/16" });
  return { api, id: network.id };
}

const subnet = (range: string | undefined, zone = "eu-central") => ({
  type: "cloud",
  ip_range: range,
  network_zone: zone,
});

describe("networks", () => {
  it("have subnets with the network's gateway, and routes", async () => {
    const { api, id } = await withNetwork();
    await api.make(`/networks/${id}/actions/add_subnet`, subnet("10.0.1.0/24"));
    await api.make(`/networks/${id}/actions/add_subnet`, subnet(undefined));
    await api.make(`/networks/${id}/actions/add_route`, {
      destination: "10.100.1.0/24",
      gateway: "10.0.1.1",
    });
    expect((await api.get(`/networks/${id}`)).body.network).toEqual({
      id,
      name: "net",
      ip_range: "10.0.0.0/16",
      subnets: [
        {
          type: "cloud",
          ip_range: "10.0.1.0/24",
          network_zone: "eu-central",
          gateway: "10.0.0.1",
          vswitch_id: null,
        },
        {
          type: "cloud",
          ip_range: "10.0.0.0/24",
          network_zone: "eu-central",
          gateway: "10.0.0.1",
          vswitch_id: null,
        },
      ],
      routes: [{ destination: "10.100.1.0/24", gateway: "10.0.1.1" }],
      servers: [],
      load_balancers: [],
      protection: { delete: false },
      labels: {},
      created: expect.any(String),
      expose_routes_to_vswitch: false,
    });
    expect(api.hypervisor.networks.get(id)).toEqual({
      id,
      name: "net",
      ipRange: "10.0.0.0/16",
      subnets: [
        { ipRange: "10.0.1.0/24", gateway: "10.0.0.1" },
        { ipRange: "10.0.0.0/24", gateway: "10.0.0.1" },
      ],
      routes: [{ destination: "10.100.1.0/24", gateway: "10.0.1.1" }],
    });
    await api.make(`/networks/${id}/actions/delete_route`, {
      destination: "10.100.1.0/24",
      gateway: "10.0.1.1",
    });
    await api.make(`/networks/${id}/actions/delete_subnet`, { ip_range: "10.0.0.0/24" });
    await api.make(`/networks/${id}/actions/change_ip_range`, { ip_range: "10.0.0.0/15" });
    expect(api.hypervisor.networks.get(id)).toMatchObject({
      ipRange: "10.0.0.0/15",
      subnets: [{ ipRange: "10.0.1.0/24" }],
      routes: [],
    });
  });

  it.each([
    ["8.8.8.0/24", "is not private"],
    ["10.0.0.1/16", "is not a valid network"],
    ["10.0.0.0/25", "must be /24 or larger"],
    ["ten", "is not a valid network"],
  ])("refuse the range %s", async (ip_range, message) => {
    const reply = await new Harness().post("/networks", { name: "n", ip_range });
    expect(reply.body.error.details.fields).toEqual([{ name: "ip_range", messages: [message] }]);
  });

  it.each<[object, string]>([
    [subnet("10.1.0.0/24"), "is not within the network's ip_range"],
    [subnet("10.0.1.128/25"), "overlaps with an existing subnet"],
    [subnet("10.0.2.0/31"), "must be /30 or larger"],
    [subnet("10.0.2.0/24", "mars"), "unknown network zone"],
  ])("refuse the subnet %j", async (input, message) => {
    const { api, id } = await withNetwork();
    await api.make(`/networks/${id}/actions/add_subnet`, subnet("10.0.1.0/24"));
    const reply = await api.post(`/networks/${id}/actions/add_subnet`, input);
    expect(reply.status).toBe(422);
    expect(reply.body.error.details.fields[0].messages).toEqual([message]);
    expect((await api.get(`/networks/${id}`)).body.network.subnets).toHaveLength(1);
  });

  it("take subnets from many at once", async () => {
    const { api, id } = await withNetwork();
    api.hypervisor.delay = 20;
    const replies = await Promise.all(
      Array.from({ length: 10 }, (_, n) =>
        api.post(`/networks/${id}/actions/add_subnet`, subnet(`10.0.${n}.0/24`)),
      ),
    );
    expect(replies.map((reply) => reply.status)).toEqual(Array(10).fill(201));
    await api.settled();
    expect(api.hypervisor.networks.get(id)?.subnets).toHaveLength(10);
  });

  it("say conflict when the change under way takes long", async () => {
    const { api, id } = await withNetwork();
    const gate = Promise.withResolvers<void>();
    api.hypervisor.gates.set("ensureNetwork", gate.promise);
    await api.post(`/networks/${id}/actions/add_subnet`, subnet("10.0.1.0/24"));
    const reply = await api.post(`/networks/${id}/actions/add_subnet`, subnet("10.0.2.0/24"));
    expectRefusal(reply, 409, "conflict", "another change of the network is under way");
    gate.resolve();
    await api.settled();
  });

  it("go back to what they were when the change fails", async () => {
    const { api, id } = await withNetwork();
    api.hypervisor.faults.set("ensureNetwork", "no bridge");
    const { action } = await api.make(`/networks/${id}/actions/add_subnet`, subnet("10.0.1.0/24"));
    expect((await api.get(`/actions/${action.id}`)).body.action.error).toEqual({
      code: "action_failed",
      message: "no bridge",
    });
    expect((await api.get(`/networks/${id}`)).body.network.subnets).toEqual([]);
    const reply = await api.post("/networks", { name: "other", ip_range: "10.1.0.0/16" });
    expectRefusal(reply, 500, "server_error", "no bridge");
    expect((await api.get("/networks?name=other")).body.networks).toEqual([]);
  });
});

describe("servers in networks", () => {
  async function attached(): Promise<{ api: Harness; network: number; one: number; two: number }> {
    const { api, id } = await withNetwork();
    await api.make(`/networks/${id}/actions/add_subnet`, subnet("10.0.1.0/24"));
    const one = (await api.makeServer("one")).id;
    const two = (await api.makeServer("two")).id;
    await api.make(`/servers/${one}/actions/attach_to_network`, {
      network: id,
      ip: "10.0.1.5",
      alias_ips: ["10.0.1.6"],
    });
    return { api, network: id, one, two };
  }

  it("have the address that they ask for, or a free one", async () => {
    const { api, network, one, two } = await attached();
    const made = await api.make(`/servers/${two}/actions/attach_to_network`, {
      network,
      ip_range: "10.0.1.0/24",
    });
    expect(made.action).toMatchObject({
      command: "attach_to_network",
      resources: [
        { id: two, type: "server" },
        { id: network, type: "network" },
      ],
    });
    expect((await api.server(two)).private_net[0].ip).toBe("10.0.1.1");
    expect((await api.server(one)).private_net).toMatchObject([
      { network, ip: "10.0.1.5", alias_ips: ["10.0.1.6"] },
    ]);
    expect((await api.get(`/networks/${network}`)).body.network.servers).toEqual([one, two]);
    await api.make(`/servers/${one}/actions/change_alias_ips`, { network, alias_ips: ["10.0.1.7"] });
    expect(api.hypervisor.machines.get(one)?.networks.get(network)?.aliasIps).toEqual(["10.0.1.7"]);
    await api.make(`/servers/${one}/actions/detach_from_network`, { network });
    expect((await api.server(one)).private_net).toEqual([]);
    expect(api.hypervisor.machines.get(one)?.networks.size).toBe(0);
  });

  it.each([
    ["10.0.1.5", "taken"],
    ["10.0.1.6", "taken as an alias"],
    ["10.0.1.0", "the subnet's own"],
    ["10.0.1.255", "the broadcast address"],
    ["10.0.0.1", "the gateway"],
    ["10.0.2.1", "in no subnet"],
  ])("cannot have %s: %s", async (ip) => {
    const { api, network, two } = await attached();
    expectRefusal(
      await api.post(`/servers/${two}/actions/attach_to_network`, { network, ip }),
      422,
      "ip_not_available",
      "IP not available",
    );
  });

  it("cannot be attached twice, nor from another network zone, nor to what overlaps", async () => {
    const { api, network, one } = await attached();
    expectRefusal(
      await api.post(`/servers/${one}/actions/attach_to_network`, { network }),
      422,
      "server_already_attached",
      "server is already attached to network",
    );
    const far = await api.makeServer("far", { location: "ash", server_type: "cpx21" });
    expectRefusal(
      await api.post(`/servers/${far.id}/actions/attach_to_network`, { network }),
      422,
      "no_subnet_available",
      "no subnet or IP available",
    );
    const { network: other } = await api.make("/networks", {
      name: "other",
      ip_range: "10.0.0.0/8",
      subnets: [subnet("10.9.0.0/24")],
    });
    expectRefusal(
      await api.post(`/servers/${one}/actions/attach_to_network`, { network: other.id }),
      422,
      "networks_overlap",
      "the network overlaps with another network of the server",
    );
  });

  it("hold their subnet, and leave when the network is deleted", async () => {
    const { api, network, one } = await attached();
    expectRefusal(
      await api.post(`/networks/${network}/actions/delete_subnet`, { ip_range: "10.0.1.0/24" }),
      422,
      "service_error",
      "cannot remove subnet because servers are attached to it",
    );
    await api.make(`/networks/${network}/actions/change_protection`, { delete: true });
    expectRefusal(
      await api.delete(`/networks/${network}`),
      423,
      "protected",
      "network is protected against deletion",
    );
    await api.make(`/networks/${network}/actions/change_protection`, { delete: false });
    expect((await api.delete(`/networks/${network}`)).status).toBe(204);
    expect((await api.server(one)).private_net).toEqual([]);
    expect(api.hypervisor.networks.size).toBe(0);
  });

  it("are as before when attaching fails", async () => {
    const { api, network, two } = await attached();
    api.hypervisor.faults.set("attachNetwork", "no interface");
    await api.make(`/servers/${two}/actions/attach_to_network`, { network, ip: "10.0.1.9" });
    expect((await api.server(two)).private_net).toEqual([]);
    api.hypervisor.faults.clear();
    await api.make(`/servers/${two}/actions/attach_to_network`, { network, ip: "10.0.1.9" });
    expect((await api.server(two)).private_net).toHaveLength(1);
  });
});

describe("volumes", () => {
  const plain = { name: "data", size: 10, location: "fsn1" };

  it("are made, attached, resized, detached and deleted", async () => {
    const api = new Harness();
    const made = await api.make("/volumes", { ...plain, format: "ext4", labels: { a: "b" } });
    const { id } = made.volume;
    expect(made).toMatchObject({
      volume: {
        status: "creating",
        linux_device: `/dev/disk/by-id/scsi-0HC_Volume_${id}`,
        size: 10,
        server: null,
      },
      action: { command: "create_volume" },
      next_actions: [],
    });
    const server = await api.makeServer("one");
    const { action } = await api.make(`/volumes/${id}/actions/attach`, { server: server.id });
    expect(action).toMatchObject({
      command: "attach_volume",
      resources: [
        { id: server.id, type: "server" },
        { id, type: "volume" },
      ],
    });
    expect((await api.get(`/volumes/${id}`)).body.volume).toMatchObject({
      status: "available",
      server: server.id,
    });
    expectRefusal(
      await api.post(`/volumes/${id}/actions/attach`, { server: server.id }),
      422,
      "volume_already_attached",
      "volume is already attached to a server",
    );
    expectRefusal(
      await api.delete(`/volumes/${id}`),
      422,
      "service_error",
      `volume with ID '${id}' is still attached to a server`,
    );
    await api.make(`/volumes/${id}/actions/resize`, { size: 20 });
    expect(api.hypervisor.volumes.get(id)).toMatchObject({ sizeGb: 20, serverId: server.id });
    await api.make(`/volumes/${id}/actions/detach`, {});
    expect((await api.get(`/volumes/${id}`)).body.volume.server).toBeNull();
    expect((await api.delete(`/volumes/${id}`)).status).toBe(204);
    expect(api.hypervisor.volumes.size).toBe(0);
  });

  it("can be attached from the beginning", async () => {
    const api = new Harness();
    const server = await api.makeServer("one");
    const made = await api.make("/volumes", { name: "data", size: 10, server: server.id });
    expect(made.next_actions).toMatchObject([{ command: "attach_volume" }]);
    expect(api.hypervisor.volumes.get(made.volume.id)?.serverId).toBe(server.id);
  });

  it.each<[object, string]>([
    [{ ...plain, size: 9 }, "size"],
    [{ ...plain, size: 10_241 }, "size"],
    [{ ...plain, size: 10.5 }, "size"],
    [{ ...plain, format: "ntfs" }, "format"],
    [{ ...plain, location: "mars" }, "location"],
    [{ name: "data", size: 10 }, "location"],
    [{ ...plain, name: "-" }, "name"],
  ])("refuse %j", async (input, field) => {
    const reply = await new Harness().post("/volumes", input);
    expectRefusal(reply, 422, "invalid_input", `invalid input in field '${field}'`);
  });

  it("do not shrink, do not leave their location, and are protected", async () => {
    const api = new Harness();
    const { id } = (await api.make("/volumes", plain)).volume;
    const shrunk = await api.post(`/volumes/${id}/actions/resize`, { size: 10 });
    expect(shrunk.body.error.details.fields).toEqual([
      { name: "size", messages: ["must be larger than the current size"] },
    ]);
    const far = await api.makeServer("far", { location: "nbg1" });
    expectRefusal(
      await api.post(`/volumes/${id}/actions/attach`, { server: far.id }),
      422,
      "service_error",
      "volume and server are not in the same location",
    );
    await api.make(`/volumes/${id}/actions/change_protection`, { delete: true });
    expectRefusal(
      await api.delete(`/volumes/${id}`),
      423,
      "protected",
      "volume is protected against deletion",
    );
  });

  it("are gone when they cannot be made", async () => {
    const api = new Harness();
    api.hypervisor.faults.set("createVolume", "disk full");
    const { id } = (await api.make("/volumes", plain)).volume;
    expect((await api.get(`/volumes/${id}`)).status).toBe(404);
    expect(api.hypervisor.calls).toEqual([`createVolume ${id}`, `deleteVolume ${id}`]);
  });
});

const ssh = { direction: "in", protocol: "tcp", port: "22", source_ips: ["0.0.0.0/0", "::/0"] };

describe("firewalls", () => {
  const rulesOn = (api: Harness, id: number) => api.hypervisor.machines.get(id)?.firewall;

  it("hold for servers and for labels, now and later", async () => {
    const api = new Harness();
    const one = await api.makeServer("one", { labels: { role: "db" } });
    const two = await api.makeServer("two");
    const made = await api.make("/firewalls", {
      name: "fw",
      rules: [ssh],
      apply_to: [{ type: "label_selector", label_selector: { selector: "role=db" } }],
    });
    const { id } = made.firewall;
    expect(made.actions.map((action: Json) => action.command)).toEqual([
      "set_firewall_rules",
      "apply_firewall",
    ]);
    const rule = { direction: "in", protocol: "tcp", port: "22", peers: ["0.0.0.0/0", "::/0"] };
    expect(rulesOn(api, one.id)).toEqual([rule]);
    expect(rulesOn(api, two.id)).toBeNull();
    expect((await api.get(`/firewalls/${id}`)).body.firewall).toMatchObject({
      rules: [{ ...ssh, destination_ips: [], description: null }],
      applied_to: [
        {
          type: "label_selector",
          label_selector: { selector: "role=db" },
          applied_to_resources: [{ type: "server", server: { id: one.id } }],
        },
      ],
    });

    await api.put(`/servers/${two.id}`, { labels: { role: "db" } });
    await api.put(`/servers/${one.id}`, { labels: {} });
    await api.settled();
    expect(rulesOn(api, one.id)).toBeNull();
    expect(rulesOn(api, two.id)).toEqual([rule]);
    const late = await api.makeServer("late", { labels: { role: "db" } });
    expect(rulesOn(api, late.id)).toEqual([rule]);

    await api.make(`/firewalls/${id}/actions/apply_to_resources`, {
      apply_to: [{ type: "server", server: { id: one.id } }],
    });
    await api.make(`/firewalls/${id}/actions/set_rules`, { rules: [] });
    for (const server of [one, two, late]) expect(rulesOn(api, server.id)).toEqual([]);
    expect((await api.server(one.id)).public_net.firewalls).toEqual([{ id, status: "applied" }]);
    expectRefusal(
      await api.post(`/firewalls/${id}/actions/remove_from_resources`, {
        remove_from: [{ type: "server", server: { id: two.id } }],
      }),
      422,
      "firewall_managed_by_label_selector",
      "firewall is applied via a label selector and cannot be removed manually",
    );
    expectRefusal(
      await api.delete(`/firewalls/${id}`),
      422,
      "resource_in_use",
      `firewall with ID ${id} is still in use`,
    );
    await api.make(`/firewalls/${id}/actions/remove_from_resources`, {
      remove_from: [
        { type: "server", server: { id: one.id } },
        { type: "label_selector", label_selector: { selector: "role=db" } },
      ],
    });
    for (const server of [one, two, late]) expect(rulesOn(api, server.id)).toBeNull();
    expect((await api.delete(`/firewalls/${id}`)).status).toBe(204);
  });

  it("add up", async () => {
    const api = new Harness();
    const { id } = await api.makeServer("one");
    for (const port of ["22", "80-85"]) {
      await api.make("/firewalls", {
        name: `fw-${port}`,
        rules: [{ ...ssh, port }],
        apply_to: [{ type: "server", server: { id } }],
      });
    }
    expect(rulesOn(api, id)?.map((rule) => rule.port)).toEqual(["22", "80-85"]);
  });

  it("do nothing when nothing is to be removed", async () => {
    const api = new Harness();
    const { id } = (await api.make("/firewalls", { name: "fw" })).firewall;
    const made = await api.make(`/firewalls/${id}/actions/remove_from_resources`, { remove_from: [] });
    expect(made.actions).toEqual([]);
  });

  it.each<[object, string]>([
    [{ ...ssh, port: undefined }, "rules.0.port"],
    [{ ...ssh, port: "0" }, "rules.0.port"],
    [{ ...ssh, port: "90-80" }, "rules.0.port"],
    [{ ...ssh, protocol: "icmp" }, "rules.0.port"],
    [{ ...ssh, source_ips: [] }, "rules.0.source_ips"],
    [{ ...ssh, source_ips: ["10.0.0.1/8"] }, "rules.0.source_ips.0"],
    [{ ...ssh, destination_ips: ["10.0.0.0/8"] }, "rules.0.destination_ips"],
    [{ ...ssh, direction: "out" }, "rules.0.destination_ips"],
    [{ ...ssh, protocol: "sctp" }, "rules.0.protocol"],
  ])("refuse the rule %j", async (rule, field) => {
    const reply = await new Harness().post("/firewalls", { name: "fw", rules: [rule] });
    expect(reply.status).toBe(422);
    expect(reply.body.error.details.fields.map((fault: Json) => fault.name)).toContain(field);
  });

  it("refuse servers that do not exist, have them already, or have no public side", async () => {
    const api = new Harness();
    const { id } = (await api.make("/firewalls", { name: "fw" })).firewall;
    const apply = (server: number) =>
      api.post(`/firewalls/${id}/actions/apply_to_resources`, {
        apply_to: [{ type: "server", server: { id: server } }],
      });
    expectRefusal(await apply(7), 404, "firewall_resource_not_found", "server with ID '7' not found");
    const inside = await api.makeServer("inside", {
      start_after_create: false,
      public_net: { enable_ipv4: false, enable_ipv6: false },
    });
    expect((await apply(inside.id)).body.error.code).toBe("private_net_only_server");
    const one = await api.makeServer("one");
    expect((await apply(one.id)).status).toBe(201);
    expectRefusal(
      await apply(one.id),
      422,
      "firewall_already_applied",
      "firewall was already applied on resource",
    );
  });
});

describe("primary IPs", () => {
  it("move between stopped servers", async () => {
    const api = new Harness();
    const { id } = (await api.make("/primary_ips", { name: "web", type: "ipv4", location: "fsn1" }))
      .primary_ip;
    const server = await api.makeServer("one", { public_net: { enable_ipv4: false } });
    const assign = () =>
      api.post(`/primary_ips/${id}/actions/assign`, { assignee_id: server.id, assignee_type: "server" });
    expectRefusal(await assign(), 422, "server_not_stopped", "server is not stopped");
    await api.make(`/servers/${server.id}/actions/poweroff`, {});
    const reply = await assign();
    expect(reply.body.action).toMatchObject({ command: "assign_primary_ip" });
    await api.settled();
    expect(api.hypervisor.machines.get(server.id)?.spec.ipv4).toBe("198.18.0.2");
    expect((await assign()).body.error.code).toBe("primary_ip_already_assigned");
    const { id: second } = (await api.make("/primary_ips", { name: "b", type: "ipv4", location: "fsn1" }))
      .primary_ip;
    expectRefusal(
      await api.post(`/primary_ips/${second}/actions/assign`, {
        assignee_id: server.id,
        assignee_type: "server",
      }),
      422,
      "server_has_ipv4",
      "server already has an IPv4 address",
    );
    expectRefusal(
      await api.delete(`/primary_ips/${id}`),
      422,
      "must_be_unassigned",
      "Primary IP must be unassigned before it can be deleted",
    );
    await api.make(`/primary_ips/${id}/actions/unassign`, {});
    expect(api.hypervisor.machines.get(server.id)?.spec.ipv4).toBeNull();
    expect((await api.delete(`/primary_ips/${id}`)).status).toBe(204);
  });

  it("can be made for a stopped server", async () => {
    const api = new Harness();
    const server = await api.makeServer("one", {
      start_after_create: false,
      public_net: { enable_ipv6: false },
    });
    const made = await api.make("/primary_ips", {
      name: "six",
      type: "ipv6",
      assignee_id: server.id,
      assignee_type: "server",
      auto_delete: true,
    });
    expect(made.action).toMatchObject({ command: "assign_primary_ip" });
    expect(made.primary_ip).toMatchObject({
      ip: "2001:2:0:100::/64",
      assignee_id: server.id,
      location: { name: "fsn1" },
    });
    expect((await api.server(server.id)).public_net.ipv6.id).toBe(made.primary_ip.id);
  });

  it("are protected only while they outlive their server", async () => {
    const api = new Harness();
    const { id } = (
      await api.make("/primary_ips", { name: "web", type: "ipv4", location: "fsn1", auto_delete: true })
    ).primary_ip;
    const protect = () => api.post(`/primary_ips/${id}/actions/change_protection`, { delete: true });
    expectRefusal(await protect(), 422, "invalid_input", "invalid input in field 'delete'");
    await api.put(`/primary_ips/${id}`, { auto_delete: false });
    expect((await protect()).status).toBe(201);
    expectRefusal(
      await api.delete(`/primary_ips/${id}`),
      423,
      "protected",
      "Primary IP is protected against deletion",
    );
  });

  it("refuse data centers and missing places", async () => {
    const api = new Harness();
    for (const [more, field] of [
      [{ datacenter: "fsn1-dc14" }, "datacenter"],
      [{}, "location"],
      [{ location: "mars" }, "location"],
    ] as const) {
      const reply = await api.post("/primary_ips", { name: "web", type: "ipv4", ...more });
      expectRefusal(reply, 422, "invalid_input", `invalid input in field '${field}'`);
    }
  });

  it("of servers that use them cannot be used twice", async () => {
    const api = new Harness();
    const { id } = (await api.make("/primary_ips", { name: "web", type: "ipv4", location: "fsn1" }))
      .primary_ip;
    await api.makeServer("one", { public_net: { ipv4: id } });
    const again = (public_net: object, location = "fsn1") =>
      api.post("/servers", { name: "two", server_type: "cpx22", image: "debian-13", location, public_net });
    expect((await again({ ipv4: id })).body.error.code).toBe("primary_ip_assigned");
    expect((await again({ ipv6: id })).body.error.code).toBe("primary_ip_version_mismatch");
    const { id: other } = (await api.make("/primary_ips", { name: "b", type: "ipv4", location: "nbg1" }))
      .primary_ip;
    expect((await again({ ipv4: other })).body.error.code).toBe("primary_ip_datacenter_mismatch");
  });
});

describe("placement groups", () => {
  it("hold up to ten stopped servers", async () => {
    const api = new Harness();
    const { id } = (await api.make("/placement_groups", { name: "pg", type: "spread" })).placement_group;
    const server = await api.makeServer("one");
    const add = () =>
      api.post(`/servers/${server.id}/actions/add_to_placement_group`, { placement_group: id });
    expectRefusal(await add(), 422, "server_not_stopped", "server is not stopped");
    await api.make(`/servers/${server.id}/actions/poweroff`, {});
    expect((await add()).status).toBe(201);
    expect((await api.get(`/placement_groups/${id}`)).body.placement_group.servers).toEqual([server.id]);
    expectRefusal(
      await api.delete(`/placement_groups/${id}`),
      422,
      "resource_in_use",
      `placement group with ID ${id} is still in use`,
    );
    for (let n = 2; n <= 10; n++) await api.makeServer(`s${n}`, { placement_group: id });
    expect(
      (
        await api.post("/servers", {
          name: "s11",
          server_type: "cpx22",
          image: "debian-13",
          placement_group: id,
        })
      ).body.error,
    ).toMatchObject({ code: "resource_limit_exceeded" });
    await api.make(`/servers/${server.id}/actions/remove_from_placement_group`, {});
    expect((await api.server(server.id)).placement_group).toBeNull();
  });

  it("know spread only", async () => {
    const reply = await new Harness().post("/placement_groups", { name: "pg", type: "pack" });
    expect(reply.body.error.details.fields).toEqual([
      { name: "type", messages: ["Must be one of: spread."] },
    ]);
  });
});
