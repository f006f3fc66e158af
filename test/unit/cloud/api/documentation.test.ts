import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { routes } from "../../../../cloud/api/registry.ts";
import { Harness } from "./harness.ts";
import { testCertificate } from "./testCertificate.ts";

const page = await readFile(join(import.meta.dirname, "../../../../docs/embedded-cloud-api.md"), "utf8");

/** Every call of the page's tables, with what it says about it. */
const documented = page
  .split("\n")
  .filter((line) => line.startsWith("| `"))
  .flatMap((line) => {
    const [, calls = "", here = ""] = line.split("|");
    return [...calls.matchAll(/`(GET|POST|PUT|DELETE) (\S+)`/g)].map(([, method, path]) => ({
      call: `${method} ${path?.replace(/\{(\w+)\}/g, ":$1")}`,
      here: here.trim(),
    }));
  });

it("the documentation names every call that there is, and no other", () => {
  const readingActions = /^GET \/\w+(\/:(id|zone))?\/actions(\/:action)?$/;
  const there = routes
    .map(({ method, path }) => `${method} ${path}`)
    .filter((call) => !readingActions.test(call));
  expect(documented.map(({ call }) => call).sort()).toEqual(there.sort());
});

it("what is documented as refused is refused with that code", async () => {
  const api = new Harness();
  const { id } = await api.makeServer("one");
  const address = (await api.get("/primary_ips")).body.primary_ips[0].id;
  const balancer = await api.make("/load_balancers", {
    name: "front",
    load_balancer_type: "lb11",
    location: "fsn1",
  });
  const { certificate, privateKey } = await testCertificate("a.example");
  const uploaded = await api.make("/certificates", { name: "a", certificate, private_key: privateKey });
  const zone = await api.make("/zones", { name: "a.example", mode: "primary" });
  const ids = {
    primary_ips: address,
    load_balancers: balancer.load_balancer.id,
    certificates: uploaded.certificate.id,
    zones: zone.zone.id,
  };
  const idOf = (path: string) => ids[path.split("/")[1] as keyof typeof ids] ?? id;
  for (const { call, here } of documented) {
    const code = /^refused: `(\w+)`/.exec(here)?.[1];
    const [method, path = ""] = call.split(" ");
    if (!code || (method === "GET" && code === "unavailable")) continue;
    const target = path.replace(/:(id|zone)/, String(idOf(path)));
    const reply = await api.request(method as "GET" | "POST", target, method === "POST" ? {} : undefined);
    expect({ call, code: reply.body.error.code }).toEqual({ call, code });
  }
});
