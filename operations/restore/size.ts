import type { HetznerItem } from "../../clients/hetzner.ts";
import { Problem } from "../../toolchain/problem.ts";

/** A server type as a throw-away machine needs to know it. */
export interface ServerType {
  name: string;
  cores: number;
  /** Of its disk. */
  bytes: number;
  architecture: string;
  /** A month's price there, without tax; null where it is not sold. */
  price: number | null;
}

interface Price {
  location: string;
  price_monthly: { net: string };
}

/** @param location Where it is to be sold. */
export function serverTypeOf(item: HetznerItem, location: string): ServerType {
  const sold = (item.prices as Price[]).find((price) => price.location === location);
  const deprecated = Boolean(item.deprecated ?? item.deprecation ?? false);
  return {
    name: item.name,
    cores: Number(item.cores),
    bytes: Number(item.disk) * 1e9,
    architecture: String(item.architecture),
    price: sold === undefined || deprecated ? null : Number(sold.price_monthly.net),
  };
}

/**
 * The type of a throw-away machine: the one that is asked for, else the stack's own, else the cheapest of its
 * architecture whose disk is large enough.
 * @param wish.bytes What the restore needs of the disk.
 * @throws Problem (exit 2) where none will do.
 */
export function chooseType(
  types: readonly ServerType[],
  wish: { asked: string | null; own: string; bytes: number },
): ServerType {
  const { asked, bytes, own } = wish;
  const first = types.find(({ name }) => name === (asked ?? own));
  if (first === undefined)
    throw refused(`There is no server type "${asked ?? own}".`, [
      "npx phasewise cost lists what a stack has; Hetzner's console lists all types.",
    ]);
  if (first.bytes >= bytes) return first;
  const fitting = types
    .filter((type) => type.price !== null && type.bytes >= bytes && type.architecture === first.architecture)
    .sort((a, b) => a.price! - b.price! || a.name.localeCompare(b.name))[0];
  if (asked === null && fitting !== undefined) return fitting;
  const most = Math.max(...types.filter(({ price }) => price !== null).map((type) => type.bytes));
  throw refused(
    `The disk of a ${first.name} has ${gb(first.bytes)}; the restore needs ${gb(bytes)}.`,
    fitting !== undefined
      ? [`Give a type with a larger disk: --type ${fitting.name}. The machine is removed afterwards.`]
      : [
          `No type that is sold there has more than ${gb(most)}: restore in place, onto a volume: --in-place.`,
        ],
  );
}

function gb(bytes: number): string {
  return `${Math.ceil(bytes / 1e9)} GB`;
}

function refused(happened: string, todo: string[]): Problem {
  return new Problem({ happened, left: "Nothing was touched.", todo, exitCode: 2 });
}
