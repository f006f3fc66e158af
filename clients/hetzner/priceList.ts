import { z } from "zod";
import { type StoredPrice, storedPrices } from "./storedPrices.ts";

/** What one of something costs a month. */
export interface UnitPrice {
  /** A decimal string, without VAT. */
  net: string;
  /** The day (ISO) of this price. */
  asOf: string;
  /** False where nobody has read it from Hetzner. */
  confirmed: boolean;
}

type ByLocation = Record<string, UnitPrice>;

/** What can be in a plan and costs something; everything else (networks, firewalls, IPv6) is free. */
export interface PriceList {
  currency: string;
  /** The day (ISO) of the list. */
  asOf: string;
  /** `api`: asked for just now; `stored`: the list that is checked in. */
  source: "api" | "stored";
  /** The embedded cloud bills nothing: its prices say what the same would cost at Hetzner. */
  cloud: "hetzner" | "embedded";
  /** By type, then by location. */
  servers: Record<string, ByLocation>;
  loadBalancers: Record<string, ByLocation>;
  primaryIpv4: ByLocation;
  /** A GB. */
  volumeGb: UnitPrice;
  /** Once for all buckets. */
  objectStorage: UnitPrice;
}

/** The list that is checked in. */
export function storedPriceList(cloud: PriceList["cloud"]): PriceList {
  const { asOf, currency, servers, loadBalancers, primaryIpv4, volumeGb, objectStorage } = storedPrices;
  const lines = (prices: Record<string, StoredPrice>) => mapValues(prices, fromStored);
  return {
    currency,
    asOf,
    source: "stored",
    cloud,
    servers: mapValues(servers, lines),
    loadBalancers: mapValues(loadBalancers, lines),
    primaryIpv4: lines(primaryIpv4),
    volumeGb: fromStored(volumeGb),
    objectStorage: fromStored(objectStorage),
  };
}

function fromStored({ net, confirmed }: StoredPrice): UnitPrice {
  return { net, asOf: confirmed ?? storedPrices.asOf, confirmed: confirmed !== null };
}

const decimal = z.string().regex(/^\d+(\.\d+)?$/, "no decimal number");
const amount = z.object({ net: decimal });
const places = z.array(z.object({ location: z.string(), price_monthly: amount }));
const types = z.array(z.object({ name: z.string(), prices: places }));

const pricing = z.object({
  pricing: z.object({
    currency: z.string(),
    server_types: types,
    load_balancer_types: types,
    primary_ips: z.array(z.object({ type: z.string(), prices: places })),
    volume: z.object({ price_per_gb_month: amount }),
  }),
});

/**
 * Reads the answer of `GET /pricing`. The price of object storage, which is not in it, comes from the stored list.
 *
 * @param day When it was asked for (ISO). For the embedded cloud the day of its list is taken.
 * @throws Error where the answer is not what the API is documented to give, or is in another currency.
 */
export function parsePriceList(body: unknown, cloud: PriceList["cloud"], day: string): PriceList {
  const result = pricing.safeParse(body);
  if (!result.success) {
    const [issue] = result.error.issues;
    throw new Error(`it gave no price list: ${issue?.path.join(".")}: ${issue?.message}`);
  }
  const { currency, server_types, load_balancer_types, primary_ips, volume } = result.data.pricing;
  const stored = storedPriceList(cloud);
  if (currency !== stored.currency) {
    throw new Error(`its prices are in ${currency}, and that of object storage is known in EUR only`);
  }
  const confirmed = cloud === "hetzner";
  const asOf = confirmed ? day : stored.asOf;
  const unit = ({ net }: { net: string }): UnitPrice => ({ net, asOf, confirmed });
  const lines = (prices: z.output<typeof places>) =>
    Object.fromEntries(prices.map(({ location, price_monthly }) => [location, unit(price_monthly)]));
  const byType = (all: z.output<typeof types>) =>
    Object.fromEntries(all.map(({ name, prices }) => [name, lines(prices)]));
  return {
    currency,
    asOf,
    source: "api",
    cloud,
    servers: byType(server_types),
    loadBalancers: byType(load_balancer_types),
    primaryIpv4: lines(primary_ips.find(({ type }) => type === "ipv4")?.prices ?? []),
    volumeGb: unit(volume.price_per_gb_month),
    objectStorage: stored.objectStorage,
  };
}

function mapValues<From, To>(record: Record<string, From>, map: (value: From) => To): Record<string, To> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}
