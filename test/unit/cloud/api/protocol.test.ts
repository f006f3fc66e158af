import { describe, expect, it } from "vitest";
import { expectRefusal, Harness, publicKey, token } from "./harness.ts";

const auth = { authorization: `Bearer ${token}` };

describe("authentication", () => {
  it.each([undefined, "", "Bearer", "Bearer x", `Bearer ${token}x`, `Basic ${token}`, token])(
    "refuses %j as Hetzner does",
    async (authorization) => {
      const response = await new Harness().inject({
        method: "GET",
        url: "/v1/servers",
        headers: authorization === undefined ? {} : { authorization },
      });
      expect(response.statusCode).toBe(401);
      expect(response.json()).toEqual({
        error: { message: "unable to authenticate", code: "unauthorized", details: null },
      });
    },
  );

  it("tells strangers nothing about routes", async () => {
    const response = await new Harness().inject({ method: "GET", url: "/v1/nothing" });
    expect(response.statusCode).toBe(401);
  });
});

describe("requests", () => {
  it("answers unknown paths with JSON 404", async () => {
    const api = new Harness();
    for (const path of ["/nothing", "/servers/1/actions/fly", "/servers/abc"]) {
      const reply = await api.post(path);
      expect(reply.status, path).toBe(404);
      expect(reply.body.error.code).toBe("not_found");
      expect(reply.headers["content-type"]).toMatch("application/json");
    }
  });

  it("answers known paths with another method with 405", async () => {
    expectRefusal(await new Harness().delete("/servers"), 405, "method_not_allowed", "method not allowed");
  });

  it("refuses broken JSON", async () => {
    const response = await new Harness().inject({
      method: "POST",
      url: "/v1/servers",
      headers: { ...auth, "content-type": "application/json" },
      payload: "{",
    });
    expect(response.statusCode).toBe(400);
    expect(response.json().error).toEqual({
      message: "invalid JSON in request body",
      code: "json_error",
      details: null,
    });
  });

  it("names all faults of a body at once", async () => {
    const reply = await new Harness().post("/servers", {
      name: "not_a_hostname",
      labels: { "-": "x" },
      ssh_keys: 7,
    });
    expect(reply.status).toBe(422);
    expect(reply.body.error).toEqual({
      code: "invalid_input",
      message: "invalid input in fields 'name', 'server_type', 'image', 'ssh_keys', 'labels'",
      details: {
        fields: [
          { name: "name", messages: ["Name must be a valid hostname."] },
          { name: "server_type", messages: ["Missing data for required field."] },
          { name: "image", messages: ["Missing data for required field."] },
          { name: "ssh_keys", messages: ["Not a valid list."] },
          { name: "labels", messages: ["label key '-' is not correctly formatted"] },
        ],
      },
    });
  });

  it("takes a body of the wrong shape for what it is", async () => {
    const reply = await new Harness().post("/ssh_keys", "[]");
    expect(reply.status).toBe(422);
  });

  it("does not call an empty reply JSON", async () => {
    const api = new Harness();
    const { ssh_key: key } = await api.make("/ssh_keys", { name: "me", public_key: publicKey });
    const reply = await api.delete(`/ssh_keys/${key.id}`);
    expect(reply).toMatchObject({ status: 204, body: null });
    expect(reply.headers["content-type"]).toBeUndefined();
  });

  it("carries a correlation id and the rate limit", async () => {
    const { headers } = await new Harness().get("/servers");
    expect(headers["x-correlation-id"]).toMatch(/^[0-9a-f]{16}$/);
    expect(headers["ratelimit-limit"]).toBe("3600");
  });
});

describe("lists", () => {
  async function withKeys(count: number): Promise<Harness> {
    const api = new Harness();
    for (let index = 0; index < count; index++) {
      const bytes = Buffer.from(publicKey.split(" ")[1] as string, "base64");
      bytes.writeUInt32BE(index, bytes.length - 4);
      await api.make("/ssh_keys", {
        name: `key-${String(count - index).padStart(3, "0")}`,
        public_key: `ssh-ed25519 ${bytes.toString("base64")}`,
        labels: { parity: index % 2 === 0 ? "even" : "odd" },
      });
    }
    return api;
  }

  it("come in pages with meta and Link", async () => {
    const api = await withKeys(60);
    const first = await api.get("/ssh_keys");
    expect(first.body.ssh_keys).toHaveLength(25);
    expect(first.body.meta.pagination).toEqual({
      page: 1,
      per_page: 25,
      previous_page: null,
      next_page: 2,
      last_page: 3,
      total_entries: 60,
    });
    expect(first.headers.link).toBe(
      '<http://api.test/v1/ssh_keys?page=2>; rel="next", <http://api.test/v1/ssh_keys?page=3>; rel="last"',
    );
    const last = await api.get("/ssh_keys?page=2&per_page=500&label_selector=parity");
    expect(last.body.ssh_keys).toHaveLength(10);
    expect(last.body.meta.pagination).toMatchObject({
      page: 2,
      per_page: 50,
      previous_page: 1,
      next_page: null,
    });
    expect((await api.get("/ssh_keys?page=9")).body.ssh_keys).toEqual([]);
  });

  it("are sorted and filtered", async () => {
    const api = await withKeys(6);
    const names = async (query: string) =>
      (await api.get(`/ssh_keys?${query}`)).body.ssh_keys
        .map((key: { name: string }) => key.name.slice(-1))
        .join("");
    expect(await names("")).toBe("654321");
    expect(await names("sort=name")).toBe("123456");
    expect(await names("sort=name:desc")).toBe("654321");
    expect(await names("sort=id:desc")).toBe("123456");
    expect(await names("label_selector=parity%3Deven&sort=name")).toBe("246");
    expect(await names("name=key-003")).toBe("3");
    expect(await names("name=key")).toBe("");
  });

  it.each([
    ["sort=nothing", "sort"],
    ["sort=name:up", "sort"],
    ["page=0", "page"],
    ["page=x", "page"],
    ["per_page=-1", "per_page"],
    ["label_selector=%3D", "label_selector"],
  ])("refuse %s", async (query, field) => {
    expectRefusal(
      await new Harness().get(`/ssh_keys?${query}`),
      422,
      "invalid_input",
      `invalid input in field '${field}'`,
    );
  });

  it("show every change at once, however often they were read before", async () => {
    const api = new Harness();
    for (let round = 0; round < 3; round++) expect((await api.get("/networks")).body.networks).toEqual([]);
    const { network } = await api.make("/networks", { name: "n", ip_range: "10.0.0.0/16" });
    for (let round = 0; round < 2; round++)
      expect((await api.get("/networks")).body.networks).toHaveLength(1);
    await api.put(`/networks/${network.id}`, { name: "m" });
    expect((await api.get("/networks")).body.networks[0].name).toBe("m");
    await api.delete(`/networks/${network.id}`);
    expect((await api.get("/networks")).body.networks).toEqual([]);
  });
});

describe("the catalogue", () => {
  it("has orderable types with prices, and the image for x86 only", async () => {
    const api = new Harness();
    const type = (await api.get("/server_types?name=cpx22")).body.server_types[0];
    expect(type).toMatchObject({ cores: 2, memory: 4, disk: 80, cpu_type: "shared", architecture: "x86" });
    expect(
      type.prices.find((price: { location: string }) => price.location === "fsn1").price_monthly,
    ).toEqual({
      net: "19.4900000000",
      gross: "23.1931000000000000",
    });
    expect(type.locations.map((location: { name: string }) => location.name)).toContain("fsn1");
    expect((await api.get("/images?name=debian-13&architecture=x86")).body.images).toHaveLength(1);
    expect((await api.get("/images?name=debian-13&architecture=arm")).body.images).toEqual([]);
    expect((await api.get("/pricing")).body.pricing).toMatchObject({
      currency: "EUR",
      vat_rate: "19.000000",
    });
  });

  it("says that data centers are gone", async () => {
    for (const path of ["/datacenters", "/datacenters/1"]) {
      const reply = await new Harness().get(path);
      expectRefusal(reply, 410, "deprecated_api_endpoint", "API functionality was removed");
    }
  });

  it("lists nothing of what is not offered and refuses to make it", async () => {
    const api = new Harness();
    expect((await api.get("/floating_ips")).body).toMatchObject({
      floating_ips: [],
      meta: { pagination: { page: 1 } },
    });
    expectRefusal(await api.get("/floating_ips/7"), 404, "not_found", "floating IP with ID '7' not found");
    expectRefusal(
      await api.post("/floating_ips", { type: "ipv4", home_location: "fsn1" }),
      503,
      "unavailable",
      "Floating IPs are not available in this cloud",
    );
  });
});

describe("actions", () => {
  it("are listed by id only, and by what they concern", async () => {
    const api = new Harness();
    const server = await api.makeServer("web-1");
    expect((await api.get("/actions")).status).toBe(410);
    const own = (await api.get(`/servers/${server.id}/actions?sort=id:desc`)).body.actions;
    expect(own.map((action: { command: string }) => action.command)).toEqual([
      "start_server",
      "create_server",
    ]);
    const [start, create] = own;
    const both = await api.get(`/actions?id=${create.id}&id=${start.id}&page=1&sort=status&sort=id`);
    expect(both.body.actions.map((action: { id: number }) => action.id)).toEqual([create.id, start.id]);
    expect(both.body.actions[0]).toEqual({
      id: create.id,
      command: "create_server",
      status: "success",
      progress: 100,
      started: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      finished: expect.stringMatching(/Z$/),
      resources: [{ id: server.id, type: "server" }],
      error: null,
    });
    expect((await api.get(`/servers/${server.id}/actions/${start.id}`)).body.action.id).toBe(start.id);
    expect((await api.get(`/servers/actions/${start.id}`)).body.action.id).toBe(start.id);
    expect((await api.get(`/networks/actions/${start.id}`)).status).toBe(404);
    expect((await api.get("/servers/actions?status=running")).body.actions).toEqual([]);
    expect((await api.get("/servers/1/actions")).status).toBe(404);
    expect((await api.get("/actions/1")).status).toBe(404);
  });
});
