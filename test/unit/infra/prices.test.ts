import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type PriceList,
  parsePriceList,
  storedPriceList,
  type UnitPrice,
} from "../../../clients/hetzner/priceList.ts";
import { pricing } from "../../../cloud/catalogue/pricing.ts";
import { locationNames, locations, serverTypes } from "../../../infra/hetzner/catalogue.ts";
import { hetznerPlan } from "../../../infra/hetzner/plan.ts";
import { cents, trimmed } from "../../../infra/hetzner/prices/amount.ts";
import { itemsIn } from "../../../infra/hetzner/prices/deployed.ts";
import { itemsOf } from "../../../infra/hetzner/prices/items.ts";
import { PriceError, priceOf, priceOfItems } from "../../../infra/hetzner/prices/price.ts";
import { availablePhases, blueprintOf } from "../../../infra/phases/available.ts";
import { config, embedded } from "./settings.ts";

const golden = (name: string) => `../../../test/unit/infra/golden/${name}.json`;
const print = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;
const stored = storedPriceList("hetzner");

function planOf(change: Record<string, unknown> = {}) {
  const settings = config(change);
  return hetznerPlan(blueprintOf(settings), settings, "production");
}

describe("an amount", () => {
  it("is exact, and rounded half up to the cent", () => {
    expect(cents("0.0572000000", 20)).toBe(114);
    expect(cents("1.005", 1)).toBe(101);
    expect(cents("1.0049999999", 1)).toBe(100);
    expect(cents("19.4900000000", 3)).toBe(5847);
    expect(() => cents("-1", 1)).toThrow('"-1" is no price');
    expect(() => cents("1e3", 1)).toThrow('"1e3" is no price');
  });

  it("of whole cents is what it says, in any quantity", () => {
    fc.assert(
      fc.property(fc.nat(10_000_000), fc.nat(10_000), (price, quantity) => {
        const net = `${Math.floor(price / 100)}.${String(price % 100).padStart(2, "0")}00000000`;
        expect(cents(net, quantity)).toBe(price * quantity);
      }),
    );
  });

  it("is shown without the zeros at its end", () => {
    expect(["19.4900000000", "0.0572000000", "5", "0.5000"].map(trimmed)).toEqual([
      "19.49",
      "0.0572",
      "5.00",
      "0.50",
    ]);
  });
});

describe("the price of a plan", () => {
  for (const phase of availablePhases) {
    it(`in phase ${phase} is the stored one`, async () => {
      const price = priceOf(planOf({ "phasewise:phase": phase }), stored);
      await expect(print(price)).toMatchFileSnapshot(golden(`price-phase-${phase}`));
    });
  }

  it("is the sum of its parts to the cent, whatever is in it", () => {
    const type = fc.constantFrom(...Object.keys(stored.servers).filter((name) => stored.servers[name]?.fsn1));
    fc.assert(
      fc.property(type, fc.integer({ min: 10, max: 10_240 }), (name, sizeGb) => {
        const plan = planOf({ "phasewise:server": { type: name }, "phasewise:volume": { sizeGb } });
        const price = priceOf(plan, stored);
        const parts = price.parts.map((part) => Math.round(part.monthly * 100));
        expect(Math.round(price.monthly * 100)).toBe(parts.reduce((a, b) => a + b));
        expect(String(price.monthly)).toMatch(/^\d+(\.\d\d?)?$/);
      }),
    );
  });

  it("depends on the place", () => {
    const storage = { ...config().objectStorage, accessKey: { secure: "x" }, secretKey: { secure: "x" } };
    const inSingapore = planOf({
      "phasewise:location": "sin",
      "phasewise:objectStorage": { ...storage, caCertificate: undefined },
    });
    const [server] = priceOf(inSingapore, stored).parts;
    expect(server).toMatchObject({ what: "cpx22 in sin", unitPrice: "31.49", confirmed: false });
    expect(priceOf(planOf(), stored).parts[0]).toMatchObject({ unitPrice: "19.49", confirmed: true });
  });

  it("fails with everything that has no price", () => {
    const plan = planOf();
    plan.machines = ["cax11", "cx9000", "cx9000"].map((serverType) => ({ ...plan.machines[0]!, serverType }));
    plan.location = "fsn1";
    expect(() => priceOf(plan, stored)).toThrow(PriceError);
    expect(() => priceOf(plan, stored)).toThrow(
      "there is no price for cax11 in fsn1, cx9000 in fsn1 in the stored price list of 2026-06-15",
    );
    expect(() => priceOf(plan, { ...stored, source: "api" })).toThrow("in the cloud's price list");
  });

  it("asks the base price of object storage once, and for Hetzner's only", () => {
    const [bucket] = planOf().buckets;
    const at = (...endpoints: string[]) => ({
      ...planOf(),
      buckets: endpoints.map((endpoint) => ({ ...bucket!, endpoint })),
    });
    const count = (plan: ReturnType<typeof planOf>, list: PriceList) =>
      priceOf(plan, list).parts.filter((part) => part.kind === "object-storage").length;
    const hetzner = ["https://fsn1.your-objectstorage.com", "https://nbg1.your-objectstorage.com"];
    expect(count(at(...hetzner), stored)).toBe(1);
    expect(count(at("https://s3.example.com"), stored)).toBe(0);
    expect(count(at("https://s3.example.com", ...hetzner), stored)).toBe(1);
    expect(count(at("https://198.18.0.1:9000"), storedPriceList("embedded"))).toBe(1);
    expect(count(at(), stored)).toBe(0);
  });
});

describe("what a state knows of", () => {
  const resource = (type: string, name: string, known: Record<string, unknown>, outputs = {}) => ({
    urn: `urn:pulumi:production::phasewise::phasewise:index:DataLayer$${type}::${name}`,
    type,
    inputs: known,
    outputs,
  });
  const at = { location: "fsn1" };
  const recorded = [
    resource("hcloud:index/server:Server", "phasewise-core-1", { ...at, serverType: "cpx22" }),
    resource("hcloud:index/primaryIp:PrimaryIp", "phasewise-core-1", { ...at, type: "ipv4" }),
    resource("hcloud:index/volume:Volume", "phasewise-core-1-data", { ...at, size: 20 }),
    resource("phasewise-native:index:Bucket", "phasewise-backups", {
      endpoint: "https://fsn1.your-objectstorage.com",
    }),
    resource("hcloud:index/network:Network", "phasewise-network", {}),
    resource("hcloud:index/primaryIp:PrimaryIp", "phasewise-six", { ...at, type: "ipv6" }),
  ];

  it("is what the plan asks for", () => {
    expect(itemsIn(recorded, "phasewise")).toEqual(itemsOf(planOf()));
    expect(priceOfItems(itemsIn(recorded, "phasewise"), stored)).toEqual(priceOf(planOf(), stored));
  });

  it("is what is really there, once it was read again", () => {
    const changed = { ...recorded[0]!, outputs: { ...at, serverType: "cpx32" } };
    expect(itemsIn([changed], "phasewise")).toMatchObject([{ type: "cpx32" }]);
  });

  it("may have load balancers", () => {
    const balancer = resource("hcloud:index/loadBalancer:LoadBalancer", "phasewise-front", {
      ...at,
      loadBalancerType: "lb11",
    });
    expect(priceOfItems(itemsIn([balancer], "phasewise"), stored)).toMatchObject({
      monthly: 7.49,
      parts: [{ kind: "load-balancer", name: "front", what: "lb11 in fsn1", confirmed: false }],
    });
  });
});

describe("a price list", () => {
  const nets = (prices: Record<string, UnitPrice>) =>
    Object.fromEntries(Object.entries(prices).map(([place, { net }]) => [place, Number(net)]));
  const allNets = (list: PriceList) => ({
    servers: Object.fromEntries(Object.entries(list.servers).map(([name, prices]) => [name, nets(prices)])),
    balancers: Object.fromEntries(
      Object.entries(list.loadBalancers).map(([name, prices]) => [name, nets(prices)]),
    ),
    address: nets(list.primaryIpv4),
    volume: Number(list.volumeGb.net),
    storage: Number(list.objectStorage.net),
  });

  it("is read from the embedded cloud's answer, which is the stored one", () => {
    const read = parsePriceList({ pricing }, "embedded", "2030-01-01");
    expect(allNets(read)).toEqual(allNets(storedPriceList("embedded")));
    expect(read).toMatchObject({ source: "api", cloud: "embedded", asOf: "2026-06-15" });
  });

  it("is as of the day when Hetzner was asked; object storage is not in it and keeps its own day", () => {
    const read = parsePriceList({ pricing }, "hetzner", "2030-01-01");
    expect(read.asOf).toBe("2030-01-01");
    expect(read.servers.cpx22?.fsn1).toEqual({ net: "19.4900000000", asOf: "2030-01-01", confirmed: true });
    expect(read.objectStorage).toEqual({ net: "6.49", asOf: "2026-06-15", confirmed: false });
  });

  it("is refused where it is another thing", () => {
    const parse = (body: unknown) => () => parsePriceList(body, "hetzner", "2030-01-01");
    expect(parse({ pricing: { ...pricing, currency: "USD" } })).toThrow("its prices are in USD");
    expect(parse({})).toThrow("it gave no price list: pricing: Invalid input");
    const volume = { price_per_gb_month: { net: "much" } };
    expect(parse({ pricing: { ...pricing, volume } })).toThrow(
      "pricing.volume.price_per_gb_month.net: no decimal number",
    );
  });

  it("that is stored has every x86 type everywhere it is sold, and no place that is none", () => {
    for (const type of serverTypes.filter(({ architecture }) => architecture === "x86")) {
      expect(Object.keys(stored.servers[type.name] ?? {}).sort(), type.name).toEqual(
        [...type.locations].sort(),
      );
    }
    expect(Object.keys(stored.primaryIpv4).sort()).toEqual(Object.keys(locations).sort());
    expect(Object.keys(stored.loadBalancers.lb11!)).toHaveLength(locationNames.length);
  });
});

it("a dev stack is priced with what the embedded cloud has", () => {
  const settings = config({}, embedded(), "dev");
  const price = priceOf(
    hetznerPlan(blueprintOf(settings), settings, "dev"),
    parsePriceList({ pricing }, "embedded", "2030-01-01"),
  );
  expect(price).toMatchObject({ monthly: 27.05, currency: "EUR", vat: "excluded", asOf: "2026-06-15" });
});
