import { project } from "../../components/labels.ts";
import type { Plan } from "../../infra/hetzner/plan.ts";
import type { RecordedResource } from "../../infra/hetzner/prices/deployed.ts";
import { itemsIn } from "../../infra/hetzner/prices/deployed.ts";
import { isHetznerStorage } from "../../infra/hetzner/prices/items.ts";
import { type Price, type PricedPart, priceOf, priceOfItems, sum } from "../../infra/hetzner/prices/price.ts";
import type { AskedPrices } from "./prices.ts";

/** What `cost --json` prints, and what `preview` and `up` call `price`. Amounts are of whole cents, without VAT. */
export interface CostReport extends Price {
  stack: string;
  phase: number;
  /** What is deployed now, at the same prices; null where that is not known. */
  deployed: { monthly: number; parts: PricedPart[] } | null;
  /** What the plan costs more (or less) than what is deployed; null where that is not known. */
  difference: number | null;
  /** What somebody who reads the figures has to know. */
  notes: string[];
}

export interface CostArgs {
  stack: string;
  phase: number;
  plan: Plan;
  asked: AskedPrices;
  /** The stack's recorded resources, none where it was never brought up; or why they are not known. */
  deployed: RecordedResource[] | { unavailable: string };
}

/** @throws PriceError with everything that the list has no price for. */
export function costReport({ stack, phase, plan, asked, deployed }: CostArgs): CostReport {
  const price = priceOf(plan, asked.prices);
  const before = Array.isArray(deployed) ? priceOfItems(itemsIn(deployed, project), asked.prices) : null;
  return {
    stack,
    phase,
    ...price,
    deployed: before && { monthly: before.monthly, parts: before.parts },
    difference: before && sum([price, { monthly: -before.monthly }]),
    notes: [
      ...listNotes(asked, price),
      ...foreignStorage(plan, asked),
      ...(Array.isArray(deployed) ? [] : [`What is deployed is not known: ${deployed.unavailable}`]),
    ],
  };
}

function listNotes({ prices, fallback }: AskedPrices, price: Price): string[] {
  const notes: string[] = [];
  if (fallback !== null) {
    notes.push(
      `The cloud's price list is not to be had (${fallback}). These are the stored prices of ${prices.asOf}.`,
    );
  }
  if (prices.cloud === "embedded") {
    return [
      ...notes,
      `The embedded cloud costs nothing: this is what the same costs at Hetzner (list of ${prices.asOf}).`,
    ];
  }
  const guessed = price.parts.filter((part) => !part.confirmed).map((part) => `${part.kind} (${part.what})`);
  if (guessed.length > 0) {
    notes.push(
      `Not confirmed, from the stored list of ${storedDay(price)}: ${[...new Set(guessed)].join(", ")}.`,
    );
  }
  return notes;
}

function storedDay({ parts }: Price): string {
  return parts.find((part) => !part.confirmed)!.asOf;
}

function foreignStorage({ buckets }: Plan, { prices }: AskedPrices): string[] {
  if (prices.cloud === "embedded") return [];
  const foreign = [...new Set(buckets.map(({ endpoint }) => endpoint))].filter(
    (each) => !isHetznerStorage(each),
  );
  return foreign.map(
    (endpoint) => `The buckets at ${endpoint} are billed by somebody else; they are not in this.`,
  );
}

/** One part before and after: what a table shows. */
export interface CostRow {
  name: string;
  what: string;
  /** Null where it goes away. */
  monthly: number | null;
  /** Null where what is deployed is not known. */
  difference: number | null;
}

/** Every part of the plan, then what would go away. */
export function costRows({ parts, deployed }: Pick<CostReport, "parts" | "deployed">): CostRow[] {
  const key = ({ kind, name }: PricedPart) => `${kind} ${name}`;
  const before = new Map(deployed?.parts.map((part) => [key(part), part]));
  const after = new Set(parts.map(key));
  return [
    ...parts.map((part) => {
      const was = before.get(key(part));
      const what = was && was.what !== part.what ? `${was.what} -> ${part.what}` : part.what;
      const difference = deployed && sum([part, { monthly: -(was?.monthly ?? 0) }]);
      return { name: key(part), what, monthly: part.monthly, difference };
    }),
    ...[...before.values()]
      .filter((part) => !after.has(key(part)))
      .map((part) => ({ name: key(part), what: part.what, monthly: null, difference: -part.monthly })),
  ];
}

/** One line, as "27.62 EUR a month without VAT (+27.62), prices of 2026-06-15". */
export function costLine({ monthly, currency, asOf, difference }: CostReport): string {
  const change = difference === null ? "" : ` (${difference === 0 ? "no change" : signed(difference)})`;
  return `${monthly.toFixed(2)} ${currency} a month without VAT${change}, prices of ${asOf}`;
}

/** As "+1.14", "-0.50", "0.00". */
export function signed(amount: number): string {
  return `${amount > 0 ? "+" : ""}${amount.toFixed(2)}`;
}
