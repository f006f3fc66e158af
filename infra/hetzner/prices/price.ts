import type { PriceList, UnitPrice } from "../../../clients/hetzner/priceList.ts";
import type { Plan } from "../plan.ts";
import { cents, euros, trimmed } from "./amount.ts";
import { type Item, type ItemKind, isHetznerStorage, itemsOf } from "./items.ts";

/** What something costs a month, without VAT. */
export interface Price {
  /** Whole cents make it up: it is the sum of its parts to the cent. */
  monthly: number;
  currency: string;
  /** Without VAT, as all amounts here. */
  vat: "excluded";
  /** The day (ISO) of the price list. */
  asOf: string;
  /** `api`: the cloud was asked; `stored`: the list that is checked in. */
  source: PriceList["source"];
  parts: PricedPart[];
}

export interface PricedPart {
  kind: ItemKind;
  name: string;
  /** As "cpx22 in fsn1". */
  what: string;
  quantity: number;
  unit: "piece" | "GB";
  /** Of one, exact, as a decimal string. */
  unitPrice: string;
  monthly: number;
  /** The day (ISO) of this price. */
  asOf: string;
  /** False where nobody has read this price from Hetzner. */
  confirmed: boolean;
}

/** A price list lacks what was asked for. */
export class PriceError extends Error {
  /** What has no price, as "cax11 in fsn1". */
  readonly missing: string[];
  constructor(missing: string[], { asOf, source }: PriceList) {
    const list = source === "api" ? "the cloud's price list" : `the stored price list of ${asOf}`;
    super(`there is no price for ${missing.join(", ")} in ${list}`);
    this.name = "PriceError";
    this.missing = missing;
  }
}

/** @throws PriceError with everything that has no price. */
export function priceOf(plan: Plan, prices: PriceList): Price {
  return priceOfItems(itemsOf(plan), prices);
}

/** @throws PriceError with everything that has no price. */
export function priceOfItems(items: Item[], prices: PriceList): Price {
  const billed = items.filter((item) => isBilledBy(prices.cloud, item));
  const looked = billed.map((item) => ({ item, found: lookUp(item, prices) }));
  const missing = looked.filter(({ found }) => found === undefined).map(({ item }) => whatOf(item));
  if (missing.length > 0) throw new PriceError([...new Set(missing)], prices);
  const parts = looked.map(({ item, found }) => part(item, found!));
  const { currency, asOf, source } = prices;
  return { monthly: sum(parts), currency, vat: "excluded", asOf, source, parts };
}

/** The sum of amounts, each of whole cents. */
export function sum(parts: { monthly: number }[]): number {
  return euros(parts.reduce((total, { monthly }) => total + Math.round(monthly * 100), 0));
}

/** Object storage that is somebody else's has no price here. */
export function isBilledBy(cloud: PriceList["cloud"], item: Item): boolean {
  if (item.kind !== "object-storage" || cloud === "embedded") return true;
  return item.endpoints.some(isHetznerStorage);
}

function part(item: Item, price: UnitPrice): PricedPart {
  const quantity = item.kind === "volume" ? item.sizeGb : 1;
  return {
    kind: item.kind,
    name: item.name,
    what: whatOf(item),
    quantity,
    unit: item.kind === "volume" ? "GB" : "piece",
    unitPrice: trimmed(price.net),
    monthly: euros(cents(price.net, quantity)),
    asOf: price.asOf,
    confirmed: price.confirmed,
  };
}

function lookUp(item: Item, prices: PriceList): UnitPrice | undefined {
  switch (item.kind) {
    case "server":
      return prices.servers[item.type]?.[item.location];
    case "load-balancer":
      return prices.loadBalancers[item.type]?.[item.location];
    case "primary-ipv4":
      return prices.primaryIpv4[item.location];
    case "volume":
      return prices.volumeGb;
    case "object-storage":
      return prices.objectStorage;
  }
}

function whatOf(item: Item): string {
  switch (item.kind) {
    case "server":
    case "load-balancer":
      return `${item.type} in ${item.location}`;
    case "primary-ipv4":
      return `IPv4 address in ${item.location}`;
    case "volume":
      return `${item.sizeGb} GB in ${item.location}`;
    case "object-storage":
      return "base price, 1 TB with 1 TB of traffic";
  }
}
