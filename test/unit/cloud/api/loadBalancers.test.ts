import { describe, expect, it } from "vitest";
import { BalancerKeeper } from "../../../../cloud/api/keepBalancers.ts";
import { expectRefusal, Harness, type Json } from "./harness.ts";

const plain = { name: "front", load_balancer_type: "lb11", location: "fsn1" };
const tcp = { protocol: "tcp", listen_port: 5432, destination_port: 6432 };

/** A network with a server in it and a load balancer, in it where that is said. */
async function setUp(options: { attached?: boolean } = {}) {
  const api = new Harness();
  const { network } = await api.make("/networks", {
    name: "net",
    ip_range: "10.0.0.0/16",
    subnets: [{ type: "cloud", network_zone: "eu-central", ip_range: "10.0.1.0/24" }],
  });
  const inside = await api.makeServer("inside", { networks: [network.id], labels: { role: "db" } });
  const outside = await api.makeServer("outside", { labels: { role: "db" } });
  const { load_balancer: balancer } = await api.make("/load_balancers", {
    ...plain,
    ...(options.attached ? { network: network.id } : {}),
  });
  const act = (name: string, body: object = {}) =>
    api.post(`/load_balancers/${balancer.id}/actions/${name}`, body);
  const read = async (): Promise<Json> =>
    (await api.get(`/load_balancers/${balancer.id}`)).body.load_balancer;
  const spec = () => api.hypervisor.balancers.get(balancer.id);
  return { api, network, inside, outside, balancer, act, read, spec };
}

const ipOf = (server: Json) => server.public_net.ipv4.ip;

describe("load balancers", () => {
  it("begin with Hetzner's defaults", async () => {
    const { balancer, inside } = await setUp();
    expect(balancer).toEqual({
      id: balancer.id,
      name: "front",
      public_net: {
        enabled: true,
        ipv4: {
          id: expect.any(Number),
          ip: "198.18.0.4",
          blocked: false,
          dns_ptr: "static.4.0.18.198.clients.your-server.de",
        },
        ipv6: {
          id: expect.any(Number),
          ip: expect.stringMatching(/^2001:2:.*::1$/),
          blocked: false,
          dns_ptr: null,
        },
      },
      private_net: [],
      location: expect.objectContaining({ name: "fsn1", network_zone: "eu-central" }),
      load_balancer_type: expect.objectContaining({ name: "lb11", max_targets: 25 }),
      protection: { delete: false },
      labels: {},
      created: expect.stringMatching(/Z$/),
      services: [],
      targets: [],
      algorithm: { type: "round_robin" },
      outgoing_traffic: null,
      ingoing_traffic: null,
      included_traffic: 20 * 2 ** 40,
    });
    expect(ipOf(inside)).not.toBe(balancer.public_net.ipv4.ip);
  });

  it("are placed by a location or by a network zone, and by one of both", async () => {
    const api = new Harness();
    const { load_balancer: one } = await api.make("/load_balancers", {
      name: "zone",
      load_balancer_type: 2,
      network_zone: "us-east",
    });
    expect([one.location.name, one.load_balancer_type.name]).toEqual(["ash", "lb21"]);
    for (const place of [{}, { location: "fsn1", network_zone: "eu-central" }]) {
      const { status, body } = await api.post("/load_balancers", {
        name: "x",
        load_balancer_type: "lb11",
        ...place,
      });
      expect([status, body.error.details.fields[0].name]).toEqual([422, "location"]);
    }
    expectRefusal(
      await api.post("/load_balancers", { ...plain, name: "zone" }),
      409,
      "uniqueness_error",
      "name is already used",
    );
  });

  it("have services with Hetzner's defaults, which change in part", async () => {
    const { act, read, spec, api } = await setUp();
    await act("add_service", { protocol: "http", listen_port: 80 });
    await act("add_service", tcp);
    await api.settled();
    expect((await read()).services).toEqual([
      {
        protocol: "http",
        listen_port: 80,
        destination_port: 80,
        proxyprotocol: false,
        health_check: {
          protocol: "http",
          port: 80,
          interval: 15,
          timeout: 10,
          retries: 3,
          http: { domain: "", path: "/", response: "", status_codes: ["2??", "3??"], tls: false },
        },
        http: {
          cookie_name: "HCLBSTICKY",
          cookie_lifetime: 300,
          certificates: [],
          redirect_http: false,
          sticky_sessions: false,
          timeout_idle: 60,
        },
      },
      {
        protocol: "tcp",
        listen_port: 5432,
        destination_port: 6432,
        proxyprotocol: false,
        health_check: { protocol: "tcp", port: 6432, interval: 15, timeout: 10, retries: 3 },
      },
    ]);
    await act("update_service", {
      listen_port: 5432,
      proxyprotocol: true,
      health_check: { protocol: "http", port: 8008, http: { path: "/primary", status_codes: ["200"] } },
    });
    await api.settled();
    expect(spec()?.services[1]).toEqual({
      protocol: "tcp",
      listenPort: 5432,
      destinationPort: 6432,
      proxyProtocol: true,
      http: null,
      healthCheck: {
        port: 8008,
        intervalSeconds: 15,
        timeoutSeconds: 10,
        retries: 3,
        http: { domain: null, path: "/primary", response: "", statusCodes: ["200"], tls: false },
      },
    });
    await act("delete_service", { listen_port: 80 });
    await api.settled();
    expect(spec()?.services.map(({ listenPort }) => listenPort)).toEqual([5432]);
  });

  it.each<[object, string, string]>([
    [{ protocol: "tcp", listen_port: 80 }, "destination_port", "Missing data for required field."],
    [{ ...tcp, listen_port: 0 }, "listen_port", "Must be between 1 and 65535."],
    [
      { ...tcp, health_check: { protocol: "tcp", port: 1, interval: 2, timeout: 1, retries: 0 } },
      "health_check.interval",
      "Must be between 3 and 60.",
    ],
    [
      { ...tcp, health_check: { protocol: "tcp", port: 1, interval: 5, timeout: 6, retries: 1 } },
      "health_check.timeout",
      "Must not be longer than the interval.",
    ],
    [{ protocol: "http", http: { cookie_name: "a b" } }, "http.cookie_name", "Not a valid name of a cookie."],
    [
      {
        protocol: "http",
        health_check: {
          protocol: "http",
          port: 80,
          interval: 5,
          timeout: 5,
          retries: 1,
          http: { path: "/a b" },
        },
      },
      "health_check.http.path",
      "Must start with a slash and may not contain spaces.",
    ],
    [
      { protocol: "http", http: { redirect_http: true } },
      "http.redirect_http",
      "Only available if protocol is https.",
    ],
    [{ ...tcp, http: { sticky_sessions: true } }, "http", "Only available if protocol is http or https."],
  ])("refuse the service %j", async (service, field, message) => {
    const { act } = await setUp();
    const { status, body } = await act("add_service", service);
    expect([status, body.error.code]).toEqual([422, "invalid_input"]);
    expect(body.error.details.fields).toContainEqual({ name: field, messages: [message] });
  });

  it("have each port once, and not more services than their type allows", async () => {
    const { act, api } = await setUp();
    await act("add_service", tcp);
    expectRefusal(
      await act("add_service", tcp),
      422,
      "source_port_already_used",
      "source port 5432 is already used by another service",
    );
    for (const listen_port of [1, 2, 3, 4]) await act("add_service", { ...tcp, listen_port });
    expectRefusal(
      await act("add_service", { ...tcp, listen_port: 5 }),
      403,
      "resource_limit_exceeded",
      "services per Load Balancer limit exceeded",
    );
    await act("change_type", { load_balancer_type: "lb21" });
    await act("add_service", { ...tcp, listen_port: 5 });
    await api.settled();
    expectRefusal(
      await act("change_type", { load_balancer_type: "lb11" }),
      422,
      "invalid_load_balancer_type",
      "load balancer type does not fit for the given load balancer",
    );
    expectRefusal(
      await act("update_service", { listen_port: 77 }),
      404,
      "not_found",
      "service with listen port '77' not found",
    );
  });

  it("lead to servers by their public or private address", async () => {
    const { api, act, inside, outside, network, spec, read } = await setUp();
    await act("add_service", tcp);
    await act("add_target", { type: "server", server: { id: outside.id } });
    const byPrivate = { type: "server", server: { id: inside.id }, use_private_ip: true };
    expectRefusal(
      await act("add_target", byPrivate),
      422,
      "load_balancer_not_attached_to_network",
      "load balancer is not attached to a network",
    );
    await act("attach_to_network", { network: network.id, ip: "10.0.1.77" });
    await act("add_target", byPrivate);
    await api.settled();
    expect(spec()).toMatchObject({
      targets: [ipOf(outside), "10.0.1.1"],
      network: { networkId: network.id, ip: "10.0.1.77" },
    });
    expect((await read()).targets).toEqual([
      {
        type: "server",
        server: { id: outside.id },
        use_private_ip: false,
        health_status: [{ listen_port: 5432, status: "unknown" }],
      },
      expect.objectContaining({ server: { id: inside.id }, use_private_ip: true }),
    ]);
    expectRefusal(
      await act("add_target", { ...byPrivate, server: { id: outside.id } }),
      422,
      "target_already_defined",
      "target is already defined",
    );
    await act("remove_target", { type: "server", server: { id: outside.id } });
    expectRefusal(
      await act("add_target", { ...byPrivate, server: { id: outside.id } }),
      422,
      "server_not_attached_to_network",
      "server is not attached to the same network as the load balancer",
    );
    expectRefusal(
      await act("remove_target", { type: "server", server: { id: outside.id } }),
      404,
      "load_balancer_target_not_found",
      "load balancer target not found",
    );
    expect((await api.get(`/servers/${inside.id}`)).body.server.load_balancers).toEqual([(await read()).id]);
  });

  it("refuse servers without a way to them, and addresses of others", async () => {
    const { api, act, balancer, outside } = await setUp();
    const hidden = await api.makeServer("hidden", {
      public_net: { enable_ipv4: false, enable_ipv6: true },
    });
    expectRefusal(
      await act("add_target", { type: "server", server: { id: hidden.id } }),
      422,
      "missing_ipv4",
      "server has no public IPv4 address",
    );
    const byIp = (ip: string) => act("add_target", { type: "ip", ip: { ip } });
    for (const ip of [ipOf(outside), balancer.public_net.ipv4.ip]) {
      expectRefusal(
        await byIp(ip),
        422,
        "cloud_resource_ip_not_allowed",
        "the IP belongs to a Hetzner Cloud resource",
      );
    }
    expectRefusal(
      await byIp("192.0.2.1"),
      422,
      "ip_not_owned",
      "the IP is not owned by the owner of the project",
    );
    expect((await byIp("198.18.0.1")).status).toBe(201);
  });

  it("stand in one network at a time, at an address of their own", async () => {
    const { api, act, network, inside, read } = await setUp({ attached: true });
    expect((await read()).private_net).toEqual([{ network: network.id, ip: "10.0.1.2" }]);
    expectRefusal(
      await act("attach_to_network", { network: network.id }),
      422,
      "load_balancer_already_attached",
      "load balancer is already attached to a network",
    );
    expectRefusal(
      await api.post(`/networks/${network.id}/actions/delete_subnet`, { ip_range: "10.0.1.0/24" }),
      422,
      "service_error",
      "cannot remove subnet because servers are attached to it",
    );
    const second = await api.makeServer("second", { networks: [network.id] });
    expect(second.private_net[0].ip).toBe("10.0.1.3");
    await act("detach_from_network", { network: network.id });
    await api.settled();
    expectRefusal(
      await act("attach_to_network", { network: network.id, ip: inside.private_net[0].ip }),
      422,
      "ip_not_available",
      "IP not available",
    );
    const { load_balancer: far } = await api.make("/load_balancers", {
      ...plain,
      name: "far",
      location: "ash",
    });
    expectRefusal(
      await api.post(`/load_balancers/${far.id}/actions/attach_to_network`, { network: network.id }),
      422,
      "no_subnet_available",
      "no subnet or IP available",
    );
  });

  it("leave a network that is deleted", async () => {
    const { api, network, read, spec } = await setUp({ attached: true });
    expect((await api.delete(`/networks/${network.id}`)).status).toBe(204);
    expect((await read()).private_net).toEqual([]);
    expect(spec()?.network).toBeNull();
  });

  it("close their public interface only where nothing needs it", async () => {
    const { api, act, network, outside, spec } = await setUp();
    expectRefusal(
      await act("disable_public_interface"),
      422,
      "load_balancer_not_attached_to_network",
      "load balancer is not attached to a network",
    );
    await act("attach_to_network", { network: network.id });
    await act("add_target", { type: "server", server: { id: outside.id } });
    expectRefusal(
      await act("disable_public_interface"),
      422,
      "targets_without_use_private_ip",
      "load balancer has targets that use the public IP instead of the private IP",
    );
    await act("remove_target", { type: "server", server: { id: outside.id } });
    await act("disable_public_interface");
    await api.settled();
    expect(spec()).toMatchObject({ ipv4: null, ipv6: null });
    expectRefusal(
      await act("add_target", { type: "server", server: { id: outside.id } }),
      422,
      "load_balancer_public_interface_disabled",
      "the public interface of the load balancer is disabled",
    );
    await act("enable_public_interface");
    await api.settled();
    expect(spec()?.ipv4).toMatch(/^198/);
  });

  it("are protected, renamed, labelled and deleted", async () => {
    const { api, act, balancer } = await setUp();
    const path = `/load_balancers/${balancer.id}`;
    await act("change_protection", { delete: true });
    expectRefusal(await api.delete(path), 423, "protected", "load balancer is protected against deletion");
    await act("change_protection", { delete: false });
    await api.put(path, { name: "gate", labels: { part: "gate" } });
    const found = (await api.get("/load_balancers?label_selector=part=gate")).body.load_balancers;
    expect(found.map(({ name }: Json) => name)).toEqual(["gate"]);
    const gone = await api.delete(path);
    expect([gone.status, gone.body.action.status]).toEqual([201, "success"]);
    expect(api.hypervisor.balancers.size).toBe(0);
  });

  it("have primary IPs: their own, which go with them, or given ones, which stay", async () => {
    const api = new Harness();
    const { primary_ip: given } = await api.make("/primary_ips", {
      name: "given",
      type: "ipv4",
      location: "fsn1",
    });
    const { load_balancer: balancer } = await api.make("/load_balancers", {
      ...plain,
      public_net: { ipv4: given.id },
    });
    expect(balancer.public_net.ipv4).toMatchObject({ id: given.id, ip: given.ip });
    const all = async (): Promise<Json[]> => (await api.get("/primary_ips")).body.primary_ips;
    expect(
      (await all()).map((one) => [one.type, one.assignee_type, one.assignee_id, one.auto_delete]),
    ).toEqual([
      ["ipv4", "load_balancer", balancer.id, false],
      ["ipv6", "load_balancer", balancer.id, true],
    ]);
    expectRefusal(
      await api.post(`/primary_ips/${given.id}/actions/unassign`),
      422,
      "unsupported_error",
      "the Primary IPs of a load balancer cannot be changed",
    );
    expectRefusal(
      await api.post("/load_balancers", { ...plain, name: "b", public_net: { ipv4: given.id } }),
      422,
      "primary_ip_assigned",
      "the specified Primary IP is already assigned to a server",
    );
    await api.delete(`/load_balancers/${balancer.id}`);
    expect((await all()).map((one) => [one.id, one.assignee_id])).toEqual([[given.id, null]]);
  });

  it("keep the public address of a server that they lead to", async () => {
    const { api, act, outside } = await setUp();
    await act("add_target", { type: "server", server: { id: outside.id } });
    await api.make(`/servers/${outside.id}/actions/poweroff`, {});
    expectRefusal(
      await api.post(`/primary_ips/${outside.public_net.ipv4.id}/actions/unassign`),
      422,
      "server_is_load_balancer_target",
      "the IPv4 address of the server is a load balancer target",
    );
  });

  it("are as they were when a change fails, and gone when their making fails", async () => {
    const { api, act, read } = await setUp();
    await act("add_service", tcp);
    await api.settled();
    api.hypervisor.faults.set("ensureLoadBalancer", "no");
    const { action } = (await act("add_service", { ...tcp, listen_port: 1 })).body;
    await api.settled();
    expect((await api.get(`/actions/${action.id}`)).body.action.error).toMatchObject({ message: "no" });
    expect((await read()).services).toHaveLength(1);
    await api.post("/load_balancers", { ...plain, name: "second" });
    await api.settled();
    expect((await api.get("/load_balancers?name=second")).body.load_balancers).toEqual([]);
  });
});

describe("a keeper of load balancers", () => {
  it("follows labels, addresses and deletions of servers, and writes down what is seen", async () => {
    const { api, act, inside, outside, spec, read } = await setUp({ attached: true });
    const keeper = new BalancerKeeper(api.cloud, (line) => api.logged.push(line));
    await act("add_service", tcp);
    const selector = { type: "label_selector", label_selector: { selector: "role=db" } };
    await act("add_target", { ...selector, use_private_ip: true });
    await api.settled();
    expect(spec()?.targets).toEqual(["10.0.1.1"]);
    await api.make(`/servers/${outside.id}/actions/attach_to_network`, {
      network: (await read()).private_net[0].network,
      ip: "10.0.1.50",
    });
    api.hypervisor.unhealthy.add("10.0.1.50");
    await keeper.look();
    expect(spec()?.targets).toEqual(["10.0.1.1", "10.0.1.50"]);
    const statuses = (await read()).targets[0].targets.map(({ server, health_status }: Json) => [
      server.id,
      health_status,
    ]);
    expect(statuses).toEqual([
      [inside.id, [{ listen_port: 5432, status: "healthy" }]],
      [outside.id, [{ listen_port: 5432, status: "unhealthy", detail: "layer4_timeout" }]],
    ]);
    await api.put(`/servers/${inside.id}`, { labels: {} });
    await keeper.look();
    expect(spec()?.targets).toEqual(["10.0.1.50"]);
    await api.delete(`/servers/${outside.id}`);
    await api.settled();
    await keeper.look();
    expect(spec()?.targets).toEqual([]);
    expect(api.logged).toEqual([]);
  });

  it("starts one that is dead, and says why when it cannot", async () => {
    const { api, balancer } = await setUp();
    const keeper = new BalancerKeeper(api.cloud, (line) => api.logged.push(line));
    api.hypervisor.balancers.clear();
    api.hypervisor.faults.set("ensureLoadBalancer", "no room");
    await keeper.look();
    expect(api.logged).toEqual(["keeping load balancer front: no room"]);
    api.hypervisor.faults.clear();
    const later = new BalancerKeeper(api.cloud, () => {});
    await later.look();
    expect([...api.hypervisor.balancers.keys()]).toEqual([balancer.id]);
  });

  it("forgets a server that is gone as a target", async () => {
    const { api, act, outside, read } = await setUp();
    await act("add_target", { type: "server", server: { id: outside.id } });
    await api.settled();
    await api.delete(`/servers/${outside.id}`);
    await api.settled();
    expect((await read()).targets).toEqual([]);
  });
});
