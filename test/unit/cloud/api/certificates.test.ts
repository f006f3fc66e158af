import { beforeAll, describe, expect, it } from "vitest";
import { expectRefusal, Harness, type Json } from "./harness.ts";
import { testCertificate } from "./testCertificate.ts";

let pair: { certificate: string; privateKey: string };
let other: { certificate: string; privateKey: string };

beforeAll(async () => {
  [pair, other] = await Promise.all([testCertificate("shop.example"), testCertificate("other.example")]);
});

const upload = (changes: object = {}) => ({
  name: "shop",
  type: "uploaded",
  certificate: pair.certificate,
  private_key: pair.privateKey,
  ...changes,
});

async function withService() {
  const api = new Harness();
  const { certificate } = await api.make("/certificates", upload());
  const { load_balancer: balancer } = await api.make("/load_balancers", {
    name: "front",
    load_balancer_type: "lb11",
    location: "fsn1",
    services: [{ protocol: "https", http: { certificates: [certificate.id], redirect_http: true } }],
  });
  return { api, certificate, balancer };
}

describe("certificates", () => {
  it("say what they are for, and never show their key", async () => {
    const api = new Harness();
    const { certificate } = await api.make("/certificates", upload({ labels: { a: "b" } }));
    expect(certificate).toEqual({
      id: certificate.id,
      name: "shop",
      labels: { a: "b" },
      type: "uploaded",
      certificate: pair.certificate,
      created: expect.stringMatching(/Z$/),
      not_valid_before: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      not_valid_after: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      domain_names: ["shop.example"],
      fingerprint: expect.stringMatching(/^([0-9a-f]{2}:){19}[0-9a-f]{2}$/),
      status: null,
      used_by: [],
    });
    expect(JSON.stringify((await api.get("/certificates")).body)).not.toContain("PRIVATE KEY");
    expect((await api.get("/certificates?type=managed")).body.certificates).toEqual([]);
    expectRefusal(await api.post("/certificates", upload()), 409, "uniqueness_error", "name is already used");
  });

  it.each<[string, () => object, string, string]>([
    [
      "no certificate",
      () => ({ certificate: "hello" }),
      "certificate",
      "Not a valid certificate in PEM format.",
    ],
    [
      "no key",
      () => ({ private_key: "x" }),
      "private_key",
      "Not a valid private key in PEM format without a passphrase.",
    ],
    [
      "another's key",
      () => ({ private_key: other.privateKey }),
      "private_key",
      "Does not belong to the certificate.",
    ],
    ["nothing", () => ({ certificate: null }), "certificate", "Missing data for required field."],
  ])("are refused with %s", async (_, changes, field, message) => {
    const { status, body } = await new Harness().post("/certificates", upload(changes()));
    expect([status, body.error.details.fields]).toEqual([422, [{ name: field, messages: [message] }]]);
  });

  it("go with HTTPS services, and stay as long as one needs them", async () => {
    const { api, certificate, balancer } = await withService();
    const [service] = api.hypervisor.balancers.get(balancer.id)?.services ?? [];
    expect(service).toMatchObject({ protocol: "https", listenPort: 443, destinationPort: 80 });
    expect(service?.http).toMatchObject({
      certificates: [`${pair.certificate.trim()}\n${pair.privateKey.trim()}\n`],
      redirectHttp: true,
    });
    const read = async (): Promise<Json> =>
      (await api.get(`/certificates/${certificate.id}`)).body.certificate;
    expect((await read()).used_by).toEqual([{ id: balancer.id, type: "load_balancer" }]);
    expectRefusal(
      await api.delete(`/certificates/${certificate.id}`),
      422,
      "resource_in_use",
      `certificate with ID ${certificate.id} is still in use`,
    );
    const act = (name: string, body: object) =>
      api.make(`/load_balancers/${balancer.id}/actions/${name}`, body);
    expectRefusal(
      await api.post(`/load_balancers/${balancer.id}/actions/add_service`, { protocol: "http" }),
      422,
      "source_port_already_used",
      "source port 80 is already used by another service",
    );
    await act("delete_service", { listen_port: 443 });
    expect((await api.delete(`/certificates/${certificate.id}`)).status).toBe(204);
  });

  it("are needed by HTTPS services, and by no other", async () => {
    const { api, certificate, balancer } = await withService();
    for (const [service, message] of [
      [{ protocol: "https", listen_port: 444 }, "Missing data for required field."],
      [
        { protocol: "https", listen_port: 444, http: { certificates: [1] } },
        "certificate with ID '1' not found",
      ],
      [
        { protocol: "http", listen_port: 81, http: { certificates: [certificate.id] } },
        "Only available if protocol is https.",
      ],
    ] as const) {
      const { body } = await api.post(`/load_balancers/${balancer.id}/actions/add_service`, service);
      expect(body.error.details.fields).toEqual([{ name: "http.certificates", messages: [message] }]);
    }
  });
});
