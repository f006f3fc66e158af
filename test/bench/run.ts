/**
 * `npm run bench`: each figure beside its floor, measured in one run, as medians. Needs root and a machine that has
 * run `npm start` once (Pulumi CLI and image are cached). No test: a noisy machine misses goals.
 *
 *   npm run bench -- --runs 3 --only api --only up --json
 *
 * Every file in items/ is one item; `up` comes first, as it makes the stack that others use.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import Table from "cli-table3";
import { Bench, type Item } from "./item.ts";
import { type Figure, goalText, judge } from "./measure.ts";

const { values: options } = parseArgs({
  options: {
    runs: { type: "string", default: "3" },
    only: { type: "string", multiple: true },
    json: { type: "boolean", default: false },
  },
});

const folder = join(import.meta.dirname, "items");
const all = readdirSync(folder).map((file) => file.replace(/\.ts$/, ""));
const names = (options.only ?? all).sort(
  (a, b) => Number(b === "up") - Number(a === "up") || a.localeCompare(b),
);
const unknown = names.filter((name) => !all.includes(name));
if (unknown.length > 0) {
  process.stderr.write(`There is no item ${unknown.join(", ")}: give some of ${all.join(", ")}.\n`);
  process.exit(2);
}

const fixed = (value: number | null, unit: Figure["unit"]): string =>
  value === null ? "" : `${value.toFixed(unit === "s" ? 2 : unit === "ms" ? 1 : 0)} ${unit}`;

function print(figures: Figure[]): void {
  if (options.json) {
    process.stdout.write(`${JSON.stringify(figures.map((figure) => ({ ...figure, ...judge(figure) })))}\n`);
    return;
  }
  const head = ["what", "median", "runs", "floor", "ratio", "goal", "met"];
  const table = new Table({ head, style: process.stdout.isTTY ? {} : { head: [], border: [] } });
  for (const figure of figures) {
    const { value, floor, ratio, met } = judge(figure);
    table.push([
      figure.name,
      fixed(value, figure.unit),
      figure.values.map((one) => one.toFixed(2)).join(" "),
      figure.floor ? `${fixed(floor, figure.unit)} (${figure.floor.what})` : "",
      ratio === null ? "" : ratio.toFixed(2),
      goalText(figure),
      met ? "yes" : "no",
    ]);
  }
  process.stdout.write(`${table.toString()}\n`);
}

const bench = new Bench(Number(options.runs));
try {
  const figures: Figure[] = [];
  for (const name of names) {
    bench.progress(`== ${name}`);
    const { measure } = (await import(join(folder, `${name}.ts`))) as { measure: Item };
    figures.push(...(await measure(bench)));
  }
  print(figures);
} finally {
  await bench.stack.remove();
}
