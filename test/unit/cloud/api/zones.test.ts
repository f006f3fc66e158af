import { describe, expect, it } from "vitest";
import { expectRefusal, Harness } from "./harness.ts";

const www = { name: "www", type: "A", ttl: 300, records: [{ value: "192.0.2.1", comment: "first" }] };

async function setUp() {
  const api = new Harness();
  const { zone } = await api.make("/zones", { name: "example.test", mode: "primary", rrsets: [www] });
  const act = (set: string, name: string, body: object) =>
    api.post(`/zones/example.test/rrsets/${set}/actions/${name}`, body);
  const read = async (set: string) => (await api.get(`/zones/${zone.id}/rrsets/${set}`)).body.rrset;
  return { api, zone, act, read };
}

describe("DNS zones", () => {
  it("are found by id and by name, and begin with their name servers", async () => {
    const { api, zone } = await setUp();
    expect(zone).toMatchObject({ name: "example.test", mode: "primary", ttl: 3600, record_count: 5 });
    for (const path of ["/zones/example.test", `/zones/${zone.id}`])
      expect((await api.get(path)).body.zone).toEqual(zone);
    const sets = (await api.get("/zones/example.test/rrsets?sort=name")).body.rrsets;
    expect(sets.map(({ id }: { id: string }) => id)).toEqual(["@/SOA", "@/NS", "www/A"]);
    expectRefusal(
      await api.get("/zones/other.test"),
      404,
      "not_found",
      "zone with ID 'other.test' not found",
    );
    expectRefusal(
      await api.post("/zones", { name: "example.test", mode: "primary" }),
      409,
      "uniqueness_error",
      "name is already used",
    );
    expect((await api.get("/zones/example.test/actions")).body.actions).toMatchObject([
      { command: "create_zone" },
    ]);
  });

  it("are protected, changed and deleted with all that they hold", async () => {
    const { api } = await setUp();
    await api.make("/zones/example.test/actions/change_protection", { delete: true });
    expectRefusal(
      await api.delete("/zones/example.test"),
      423,
      "protected",
      "zone is protected against deletion",
    );
    await api.make("/zones/example.test/actions/change_protection", { delete: false });
    await api.make("/zones/example.test/actions/change_ttl", { ttl: 60 });
    const { body } = await api.put("/zones/example.test", { labels: { a: "b" } });
    expect(body.zone).toMatchObject({ ttl: 60, labels: { a: "b" } });
    expect((await api.delete("/zones/example.test")).status).toBe(201);
    expect([api.store.count("zone"), api.store.count("rrset")]).toEqual([0, 0]);
  });

  it("hold record sets, which change and go", async () => {
    const { api, act, read } = await setUp();
    expect(await read("www/A")).toMatchObject({ id: "www/A", ttl: 300, records: www.records });
    await act("www/A", "add_records", { records: [{ value: "192.0.2.2" }] });
    await act("www/A", "change_ttl", { ttl: null });
    await act("www/A", "update_records", { records: [{ value: "192.0.2.2", comment: "second" }] });
    expect(await read("www/A")).toMatchObject({
      ttl: null,
      records: [www.records[0], { value: "192.0.2.2", comment: "second" }],
    });
    await act("www/A", "change_protection", { change: true });
    expectRefusal(
      await act("www/A", "set_records", { records: [{ value: "192.0.2.3" }] }),
      423,
      "protected",
      "RRSet is protected against changes",
    );
    await act("www/A", "change_protection", { change: false });
    await act("www/A", "remove_records", { records: [{ value: "192.0.2.1" }, { value: "192.0.2.2" }] });
    expectRefusal(
      await api.get("/zones/example.test/rrsets/www/A"),
      404,
      "not_found",
      "RRSet with ID 'www/A' not found",
    );
  });

  it.each<[object, string, string]>([
    [{ ...www, name: "WWW" }, "name", "Must be @ or labels in lower case."],
    [{ ...www, name: "x", records: [{ value: "::1" }] }, "records.0.value", "Not a valid IPv4 address."],
    [
      { name: "x", type: "TXT", records: [{ value: "plain" }] },
      "records.0.value",
      "Must be one or more quoted strings.",
    ],
    [
      { name: "www", type: "CNAME", records: [{ value: "a.test." }] },
      "type",
      "A CNAME stands alone at its name.",
    ],
    [
      { name: "x", type: "A", records: [{ value: "192.0.2.1" }, { value: "192.0.2.1" }] },
      "records.1.value",
      "Given more than once.",
    ],
  ])("refuse the record set %j", async (set, field, message) => {
    const { api } = await setUp();
    const { status, body } = await api.post("/zones/example.test/rrsets", set);
    expect([status, body.error.details.fields]).toEqual([422, [{ name: field, messages: [message] }]]);
  });

  it("have each name and type once", async () => {
    const { api } = await setUp();
    expectRefusal(
      await api.post("/zones/example.test/rrsets", www),
      409,
      "uniqueness_error",
      "RRSet name and type is already used",
    );
  });
});
