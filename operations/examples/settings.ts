import type { Example, Scale, Settings } from "../../examples/generate/example.ts";
import { Problem } from "../../toolchain/problem.ts";

/** As the command line gives them. */
export interface Wishes {
  scale?: string;
  size?: string;
  seed?: string;
  until?: string;
  dimension?: string;
}

/** The last day is fixed and not today: the same command gives the same bytes tomorrow. */
const defaults = { scale: "small", seed: "1", until: "2026-07-01", dimension: "384" };
/** More dimensions no index of pgvector takes for the type vector. */
const dimensions = { least: 2, most: 2000 };
/** Times the largest scale: what is planned before it is written must fit into memory. */
const mostTimes = 4;

/** @throws Problem (exit 2) with every fault at once. */
export function settingsOf(example: Example, wishes: Wishes): Settings {
  const { scale, size, seed, until, dimension } = { ...defaults, ...defined(wishes) };
  const scales = Object.keys(example.scales);
  const largest = mostTimes * example.scales.large;
  const faults = [
    scales.includes(scale) ? null : `--scale ${scale}: give one of ${scales.join(", ")}`,
    size === undefined || isWithin(size, 1, largest)
      ? null
      : `--size ${size}: give a whole number of ${example.unit}, 1 to ${largest}`,
    size !== undefined && wishes.scale !== undefined ? "--scale and --size: give one of them" : null,
    /^[\w.-]{1,40}$/.test(seed) ? null : `--seed ${seed}: give 1 to 40 letters, digits, dots or hyphens`,
    isDate(until) ? null : `--until ${until}: give a date, as ${defaults.until}`,
    isWithin(dimension, dimensions.least, dimensions.most)
      ? null
      : `--dimension ${dimension}: give a whole number, ${dimensions.least} to ${dimensions.most}`,
  ].filter((fault) => fault !== null);
  if (faults.length > 0) {
    throw new Problem({
      happened: "The example cannot be made so:",
      details: faults,
      left: "Nothing was changed.",
      exitCode: 2,
    });
  }
  return {
    seed,
    until,
    size: Number(size ?? example.scales[scale as Scale]),
    dimension: Number(dimension),
  };
}

function defined<T extends object>(values: T): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>;
}

function isWithin(text: string, least: number, most: number): boolean {
  return /^\d{1,9}$/.test(text) && Number(text) >= least && Number(text) <= most;
}

function isDate(text: string): boolean {
  const time = Date.parse(`${text}T00:00:00Z`);
  // A day that does not exist is read as one of the next month.
  return (
    /^20\d\d-\d\d-\d\d$/.test(text) && !Number.isNaN(time) && new Date(time).toISOString().startsWith(text)
  );
}
