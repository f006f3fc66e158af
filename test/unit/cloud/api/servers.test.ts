import { describe, expect, it } from "vitest";
import { expectRefusal, Harness, type Json, publicKey } from "./harness.ts";

const plain = { name: "web-1", server_type: "cpx22", image: "debian-13", location: "fsn1" };

describe("POST /servers", () => {
  it("makes and starts a machine with addresses of its own", async () => {
    const api = new Harness();
    const { ssh_key: key } = await api.make("/ssh_keys", { name: "me", public_key: publicKey });
    const reply = await api.post("/servers", {
      ...plain,
      image: 310557660,
      ssh_keys: [key.id],
      user_data: "#cloud-config\n",
      labels: { role: "web" },
    });
    expect(reply.status).toBe(201);
    expect(reply.body.root_password).toBeNull();
    expect(reply.body.action).toMatchObject({ command: "create_server", status: "running", progress: 0 });
    expect(reply.body.next_actions).toMatchObject([{ command: "start_server", status: "running" }]);
    const { id } = reply.body.server;
    expect(reply.body.server).toMatchObject({ status: "initializing", locked: true });
    await api.settled();
    expect(await api.server(id)).toMatchObject({
      name: "web-1",
      status: "running",
      locked: false,
      location: { name: "fsn1", network_zone: "eu-central" },
      image: { id: 310557660, name: "debian-13" },
      server_type: { name: "cpx22" },
      public_net: {
        ipv4: { ip: "198.18.0.2", blocked: false },
        ipv6: { ip: "2001:2:0:100::/64", dns_ptr: [] },
        floating_ips: [],
        firewalls: [],
      },
      private_net: [],
      volumes: [],
      placement_group: null,
      primary_disk_size: 80,
      protection: { delete: false, rebuild: false },
      labels: { role: "web" },
    });
    expect(await api.server(id)).not.toHaveProperty("datacenter");
    const machine = api.hypervisor.machines.get(id);
    expect(machine?.running).toBe(true);
    expect(machine?.spec).toMatchObject({
      name: "web-1",
      image: "debian-13",
      userData: "#cloud-config\n",
      sshKeys: [publicKey],
      rootPasswordHash: null,
      cores: 2,
      memoryBytes: 4 * 2 ** 30,
      diskBytes: 80 * 2 ** 30,
      ipv4: "198.18.0.2",
      ipv6: "2001:2:0:100::1",
      firewall: null,
      macAddress: expect.stringMatching(/^92:00(:[0-9a-f]{2}){4}$/),
    });
    const { primary_ips } = (await api.get("/primary_ips")).body;
    expect(primary_ips).toMatchObject([
      { type: "ipv4", auto_delete: true, assignee_id: id, assignee_type: "server" },
      { type: "ipv6", auto_delete: true, assignee_id: id },
    ]);
  });

  it("gives a root password when there is no key, and the machine its hash", async () => {
    const api = new Harness();
    const reply = await api.make("/servers", plain);
    expect(reply.root_password).toMatch(/^[a-zA-Z0-9]{20}$/);
    const hash = api.hypervisor.machines.get(reply.server.id)?.spec.rootPasswordHash ?? "";
    expect(hash).toMatch(/^\$6\$[^$]{8,16}\$[./A-Za-z0-9]{86}$/);
    expect(JSON.stringify(api.store.all("server"))).not.toContain(reply.root_password);
  });

  it("uses the primary IPs, volumes, networks, firewalls and the group that it is given", async () => {
    const api = new Harness();
    const { primary_ip } = await api.make("/primary_ips", { name: "web", type: "ipv4", location: "fsn1" });
    expect(primary_ip).toMatchObject({ assignee_id: null, assignee_type: "unassigned", auto_delete: false });
    const { volume } = await api.make("/volumes", {
      name: "data",
      size: 10,
      location: "fsn1",
      format: "ext4",
    });
    const { network } = await api.make("/networks", {
      name: "net",
      ip_range: "10.0.0.0/16",
      subnets: [{ type: "cloud", ip_range: "10.0.1.0/24", network_zone: "eu-central" }],
    });
    const { firewall } = await api.make("/firewalls", {
      name: "ssh",
      rules: [{ direction: "in", protocol: "tcp", port: "22", source_ips: ["0.0.0.0/0"] }],
    });
    const { placement_group: group } = await api.make("/placement_groups", { name: "pg", type: "spread" });
    const server = await api.makeServer("web-1", {
      public_net: { enable_ipv4: true, enable_ipv6: false, ipv4: primary_ip.id },
      volumes: [volume.id],
      networks: [network.id],
      firewalls: [{ firewall: firewall.id }],
      placement_group: group.id,
    });
    const now = await api.server(server.id);
    expect(now.public_net).toMatchObject({
      ipv4: { id: primary_ip.id },
      ipv6: null,
      firewalls: [{ id: firewall.id, status: "applied" }],
    });
    expect(now.private_net).toEqual([
      { network: network.id, ip: "10.0.1.1", alias_ips: [], mac_address: expect.stringMatching(/^86:00/) },
    ]);
    expect(now.volumes).toEqual([volume.id]);
    expect(now.placement_group).toMatchObject({ id: group.id, servers: [server.id] });
    expect(api.hypervisor.machines.get(server.id)?.spec).toMatchObject({
      volumes: [{ id: volume.id, sizeGb: 10, format: "ext4", serverId: server.id }],
      networks: [{ networkId: network.id, ip: "10.0.1.1" }],
      firewall: [{ direction: "in", protocol: "tcp", port: "22", peers: ["0.0.0.0/0"] }],
      ipv6: null,
    });
  });

  it("can leave the machine off, also one without any interface, which then cannot be started", async () => {
    const api = new Harness();
    const server = await api.makeServer("web-1", {
      start_after_create: false,
      public_net: { enable_ipv4: false, enable_ipv6: false },
    });
    expect(await api.server(server.id)).toMatchObject({
      status: "off",
      public_net: { ipv4: null, ipv6: null },
    });
    const { action } = await api.make(`/servers/${server.id}/actions/poweron`, {});
    expect((await api.get(`/actions/${action.id}`)).body.action).toMatchObject({
      status: "error",
      error: {
        code: "invalid_input",
        message: "no public or private network interfaces found, cannot start server",
      },
    });
  });

  it.each<[string, object, number, string, string]>([
    ["type", { server_type: "cx1" }, 422, "invalid_input", "invalid input in field 'server_type'"],
    ["image", { image: "windows" }, 422, "invalid_input", "invalid input in field 'image'"],
    ["location", { location: "mars" }, 422, "invalid_input", "invalid input in field 'location'"],
    ["type there", { server_type: "cpx21" }, 422, "invalid_input", "unsupported location for server type"],
    ["datacenter", { datacenter: "fsn1-dc14" }, 422, "invalid_input", "invalid input in field 'datacenter'"],
    ["SSH key", { ssh_keys: ["nobody"] }, 422, "invalid_input", "invalid input in field 'ssh_keys'"],
    ["volume", { volumes: [4] }, 404, "not_found", "volume with ID '4' not found"],
    ["network", { networks: [4] }, 404, "not_found", "network with ID '4' not found"],
    [
      "firewall",
      { firewalls: [{ firewall: 4 }] },
      422,
      "invalid_input",
      "invalid input in field 'firewalls'",
    ],
    ["group", { placement_group: 4 }, 404, "not_found", "placement group with ID '4' not found"],
    [
      "automount",
      { automount: true },
      422,
      "unsupported_error",
      "mounting volumes from outside the machine (automount) is not supported by this cloud",
    ],
    [
      "user data",
      { user_data: "x".repeat(32_769) },
      422,
      "invalid_input",
      "invalid input in field 'user_data'",
    ],
  ])("refuses an unknown or impossible %s and leaves nothing", async (_, more, status, code, message) => {
    const api = new Harness();
    expectRefusal(await api.post("/servers", { ...plain, ...more }), status, code, message);
    expect(api.store.count("server") + api.store.count("primary_ip") + api.store.count("action")).toBe(0);
    expect(api.hypervisor.calls).toEqual([]);
  });

  it("takes exactly 32 KiB of user data", async () => {
    const api = new Harness();
    expect((await api.post("/servers", { ...plain, user_data: "x".repeat(32_768) })).status).toBe(201);
  });

  it("refuses a name that is taken, with the field", async () => {
    const api = new Harness();
    await api.makeServer("web-1");
    const reply = await api.post("/servers", plain);
    expectRefusal(reply, 409, "uniqueness_error", "server name is already used");
    expect(reply.body.error.details).toEqual({ fields: [{ name: "name" }] });
  });

  it("refuses a server when addresses run out", async () => {
    const api = new Harness();
    api.hypervisor.publicRange = {
      ...api.hypervisor.publicRange,
      ipv4: { first: "198.18.0.2", last: "198.18.0.2" },
    };
    await api.makeServer("web-1");
    expectRefusal(
      await api.post("/servers", { ...plain, name: "web-2" }),
      403,
      "resource_limit_exceeded",
      "Primary IP limit exceeded",
    );
    expect(api.store.count("server")).toBe(1);
  });

  it("leaves nothing of a machine that cannot be made, but what was there before", async () => {
    const api = new Harness();
    const { primary_ip } = await api.make("/primary_ips", { name: "web", type: "ipv4", location: "fsn1" });
    const { volume } = await api.make("/volumes", { name: "data", size: 10, location: "fsn1" });
    api.hypervisor.faults.set("createServer", "no space left on device");
    const reply = await api.post("/servers", {
      ...plain,
      public_net: { ipv4: primary_ip.id },
      volumes: [volume.id],
    });
    await api.settled();
    expect((await api.get(`/actions/${reply.body.action.id}`)).body.action).toMatchObject({
      status: "error",
      error: { code: "action_failed", message: "no space left on device" },
    });
    expect((await api.get(`/actions/${reply.body.next_actions[0].id}`)).body.action.status).toBe("error");
    expect((await api.get(`/servers/${reply.body.server.id}`)).status).toBe(404);
    expect(api.hypervisor.calls).toContain(`deleteServer ${reply.body.server.id}`);
    expect((await api.get("/primary_ips")).body.primary_ips).toMatchObject([
      { id: primary_ip.id, assignee_id: null },
    ]);
    expect((await api.get(`/volumes/${volume.id}`)).body.volume.server).toBeNull();
    expect(api.logged.join()).toContain("no space left on device");
  });
});

describe("power", () => {
  async function act(api: Harness, id: number, action: string, body: object = {}): Promise<Json> {
    const made = await api.make(`/servers/${id}/actions/${action}`, body);
    return (await api.get(`/actions/${made.action.id}`)).body.action;
  }

  it.each([
    ["poweroff", "stop_server", "off"],
    ["poweron", "start_server", "running"],
    ["reset", "reset_server", "running"],
    ["reboot", "reboot_server", "running"],
    ["shutdown", "shutdown_server", "running"],
  ])("%s is %s and ends %s", async (name, command, status) => {
    const api = new Harness();
    const { id } = await api.makeServer("web-1");
    expect(await act(api, id, name)).toMatchObject({
      command,
      status: "success",
      resources: [{ id, type: "server" }],
    });
    expect((await api.server(id)).status).toBe(status);
  });

  it("does not reboot what is off", async () => {
    const api = new Harness();
    const { id } = await api.makeServer("web-1", { start_after_create: false });
    for (const name of ["reboot", "shutdown"]) {
      const reply = await api.post(`/servers/${id}/actions/${name}`);
      expectRefusal(reply, 422, "service_error", "server is not running");
    }
  });

  it("is locked while work is under way, and only then", async () => {
    const api = new Harness();
    const { id } = await api.makeServer("web-1");
    const gate = Promise.withResolvers<void>();
    api.hypervisor.gates.set("powerOff", gate.promise);
    expect((await api.post(`/servers/${id}/actions/poweroff`)).status).toBe(201);
    expect(await api.server(id)).toMatchObject({ status: "stopping", locked: true });
    for (const name of ["poweron", "reset", "reboot", "shutdown", "remove_from_placement_group"]) {
      const reply = await api.post(`/servers/${id}/actions/${name}`);
      expectRefusal(reply, 423, "locked", "cannot perform operation because server is locked");
    }
    expect((await api.delete(`/servers/${id}`)).status).toBe(423);
    expect((await api.put(`/servers/${id}`, { labels: { a: "b" } })).status).toBe(200);
    gate.resolve();
    await api.settled();
    expect(await api.server(id)).toMatchObject({ status: "off", locked: false, labels: { a: "b" } });
  });

  it("waits a moment for short work instead of refusing", async () => {
    const api = new Harness();
    const { id } = await api.makeServer("web-1");
    api.hypervisor.delay = 50;
    const [off, on] = await Promise.all([
      api.post(`/servers/${id}/actions/poweroff`),
      api.post(`/servers/${id}/actions/poweron`),
    ]);
    expect([off.status, on.status]).toEqual([201, 201]);
    await api.settled();
    expect((await api.server(id)).status).toBe("running");
  });

  it("rebuilds with the same keys and addresses, or with other user data", async () => {
    const api = new Harness();
    const { id } = await api.makeServer("web-1", { user_data: "one" });
    const reply = await api.make(`/servers/${id}/actions/rebuild`, { image: "debian-13", user_data: "two" });
    expect(reply.root_password).toMatch(/^[a-zA-Z0-9]{20}$/);
    expect(await api.server(id)).toMatchObject({
      status: "running",
      public_net: { ipv4: { ip: "198.18.0.2" } },
    });
    expect(api.hypervisor.machines.get(id)?.spec.userData).toBe("two");
    await api.make(`/servers/${id}/actions/change_protection`, { rebuild: true, delete: true });
    expectRefusal(
      await api.post(`/servers/${id}/actions/rebuild`, { image: "debian-13" }),
      423,
      "protected",
      "server is protected against rebuilding",
    );
    expectRefusal(
      await api.delete(`/servers/${id}`),
      423,
      "protected",
      "server is protected against deletion",
    );
  });

  it("changes the type of a stopped server only, and does not start it", async () => {
    const api = new Harness();
    const { id } = await api.makeServer("web-1");
    const path = `/servers/${id}/actions/change_type`;
    expectRefusal(
      await api.post(path, { server_type: "cpx32", upgrade_disk: false }),
      422,
      "server_not_stopped",
      "server is not stopped",
    );
    await act(api, id, "poweroff");
    expect(await act(api, id, "change_type", { server_type: "cpx32", upgrade_disk: false })).toMatchObject({
      command: "change_server_type",
      status: "success",
    });
    expect(await api.server(id)).toMatchObject({
      status: "off",
      server_type: { name: "cpx32" },
      primary_disk_size: 80,
    });
    expect(api.hypervisor.machines.get(id)?.spec.memoryBytes).toBe(8 * 2 ** 30);
    await act(api, id, "change_type", { server_type: "cpx42", upgrade_disk: true });
    expect((await api.server(id)).primary_disk_size).toBe(320);
    expectRefusal(
      await api.post(path, { server_type: "cpx22", upgrade_disk: false }),
      422,
      "invalid_server_type",
      "the disk of the server type is smaller than the server's",
    );
  });

  it("keeps the old type when the change fails", async () => {
    const api = new Harness();
    const { id } = await api.makeServer("web-1", { start_after_create: false });
    api.hypervisor.faults.set("setLimits", "no cgroup");
    expect(await act(api, id, "change_type", { server_type: "cpx32", upgrade_disk: true })).toMatchObject({
      status: "error",
      error: { code: "action_failed", message: "no cgroup" },
    });
    expect(await api.server(id)).toMatchObject({
      status: "off",
      server_type: { name: "cpx22" },
      primary_disk_size: 80,
    });
  });
});

describe("the end of a server", () => {
  it("frees what others may use and takes what was its own", async () => {
    const api = new Harness();
    const { volume } = await api.make("/volumes", { name: "data", size: 10, location: "fsn1" });
    const { primary_ip } = await api.make("/primary_ips", { name: "web", type: "ipv4", location: "fsn1" });
    const server = await api.makeServer("web-1", {
      volumes: [volume.id],
      public_net: { ipv4: primary_ip.id },
    });
    const { firewall } = await api.make("/firewalls", {
      name: "fw",
      apply_to: [{ type: "server", server: { id: server.id } }],
    });
    const gate = Promise.withResolvers<void>();
    api.hypervisor.gates.set("deleteServer", gate.promise);
    const reply = await api.delete(`/servers/${server.id}`);
    expect(reply).toMatchObject({
      status: 200,
      body: { action: { command: "delete_server", status: "running" } },
    });
    expect((await api.server(server.id)).status).toBe("deleting");
    gate.resolve();
    await api.settled();
    expectRefusal(
      await api.get(`/servers/${server.id}`),
      404,
      "not_found",
      `server with ID '${server.id}' not found`,
    );
    expect((await api.get(`/actions/${reply.body.action.id}`)).body.action.status).toBe("success");
    expect((await api.get(`/volumes/${volume.id}`)).body.volume.server).toBeNull();
    expect(api.hypervisor.volumes.get(volume.id)?.serverId).toBeNull();
    expect((await api.get("/primary_ips")).body.primary_ips).toMatchObject([
      { id: primary_ip.id, assignee_id: null },
    ]);
    expect((await api.get(`/firewalls/${firewall.id}`)).body.firewall.applied_to).toEqual([]);
    expect(api.hypervisor.machines.size).toBe(0);
    expect((await api.delete(`/firewalls/${firewall.id}`)).status).toBe(204);
  });
});

describe("what is not offered", () => {
  it.each([
    ["enable_backup", "backups are"],
    ["create_image", "snapshots and backups are"],
    ["enable_rescue", "the rescue system is"],
    ["attach_iso", "ISO images are"],
    ["request_console", "the VNC console is"],
    ["reset_password", "resetting the root password is"],
    ["change_dns_ptr", "reverse DNS entries are"],
  ])("refuses %s", async (name, what) => {
    const api = new Harness();
    const { id } = await api.makeServer("web-1");
    const before = await api.server(id);
    expectRefusal(
      await api.post(`/servers/${id}/actions/${name}`, { iso: 1, type: "linux64" }),
      422,
      "unsupported_error",
      `${what} not supported by this cloud`,
    );
    expect(await api.server(id)).toEqual(before);
    expect((await api.post(`/servers/999999/actions/${name}`)).status).toBe(404);
  });

  it("succeeds in taking away what there never is", async () => {
    const api = new Harness();
    const { id } = await api.makeServer("web-1");
    for (const name of ["disable_backup", "disable_rescue", "detach_iso"]) {
      expect((await api.make(`/servers/${id}/actions/${name}`, {})).action).toMatchObject({
        command: name,
        status: "success",
      });
    }
  });
});
