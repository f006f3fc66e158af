/**
 * `npm run bench`: each figure beside its floor, measured in one run, as medians. Needs root and a machine that has
 * run `npm start` once (Pulumi CLI and image are cached). No test: a noisy machine misses goals.
 *
 *   npm run bench -- --runs 3 --json
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import Table from "cli-table3";
import { machineStats } from "../../cloud/machines/stats.ts";
import { Stack } from "../e2e/stack.ts";
import { emptyPreview, shellScriptFloor } from "./floors.ts";
import { type Figure, judge, seconds } from "./measure.ts";

const { values: options } = parseArgs({
  options: { runs: { type: "string", default: "3" }, json: { type: "boolean", default: false } },
});
const runs = Number(options.runs);
const stack = new Stack("bench");
const progress = (line: string): void => void process.stderr.write(`${line}\n`);

async function repeat(work: (run: number) => Promise<number>): Promise<number[]> {
  const values: number[] = [];
  for (let run = 0; run < runs; run++) values.push(await work(run));
  return values;
}

/** Resident memory of a process, in MB. */
function residentMegabytes(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  if (!match) throw new Error(`process ${pid} has no VmRSS`);
  return Number(match[1]) / 1024;
}

async function measureUps(): Promise<Figure[]> {
  const fromNothing: number[] = [];
  const floor: number[] = [];
  for (let run = 0; run < runs; run++) {
    progress(`up from nothing, ${run + 1} of ${runs}`);
    await stack.reset();
    await stack.expectOk("cloud", "start");
    floor.push(await seconds(() => shellScriptFloor(stack)));
    fromNothing.push(await seconds(() => stack.up()));
  }
  progress("up with nothing to do, preview, one changed setting");
  const nothing = await repeat(() => seconds(() => stack.up()));
  const empty: number[] = [];
  const preview = await repeat(async () => {
    empty.push(await seconds(emptyPreview));
    return seconds(() => stack.expectOk("preview", stack.name));
  });
  const setting = await repeat(async (run) => {
    stack.configure({ "phasewise:database": { parameters: { work_mem: `${20 + run}MB` } } });
    const took = await seconds(() => stack.up());
    const actual = await stack.sql("show work_mem");
    if (actual !== `${20 + run}MB`) throw new Error(`work_mem is ${actual} after up`);
    return took;
  });
  return [
    {
      name: "up of phase 1 from nothing, image cached",
      values: fromNothing,
      unit: "s",
      floor: { what: "the same machine and PostgreSQL by a shell script", values: floor },
      goal: { atMost: 20, of: "value" },
    },
    { name: "up with nothing to do", values: nothing, unit: "s", goal: { atMost: 4, of: "value" } },
    {
      name: "preview with nothing to do",
      values: preview,
      unit: "s",
      floor: { what: "preview of an empty program", values: empty },
      goal: { atMost: 1.5, of: "ratio" },
    },
    {
      name: "up with one changed setting, reloaded",
      values: setting,
      unit: "s",
      goal: { atMost: 6, of: "value" },
    },
  ];
}

async function measureMemory(): Promise<Figure[]> {
  progress("idle memory, after a minute of rest");
  await new Promise((resolve) => setTimeout(resolve, 60_000));
  const [server] = await stack.servers();
  const machine = await machineStats(`${stack.directory}/cloud/machines`, server!.id);
  const { pid } = await stack.cloudStatus();
  return [
    {
      name: "idle machine, anonymous and shared memory",
      values: [(machine.anonymousBytes + machine.sharedBytes) / 2 ** 20],
      unit: "MB",
      goal: { atMost: 300, of: "value" },
    },
    {
      name: "idle daemon with object storage, resident",
      values: [residentMegabytes(pid)],
      unit: "MB",
      goal: { atMost: 250, of: "value" },
    },
  ];
}

const fixed = (value: number | null, unit: string): string =>
  value === null ? "" : `${value.toFixed(unit === "s" ? 2 : 0)} ${unit}`;

function print(figures: Figure[]): void {
  if (options.json) {
    process.stdout.write(`${JSON.stringify(figures.map((figure) => ({ ...figure, ...judge(figure) })))}\n`);
    return;
  }
  const head = ["what", "median", "runs", "floor", "ratio", "goal", "met"];
  const table = new Table({ head, style: process.stdout.isTTY ? {} : { head: [], border: [] } });
  for (const figure of figures) {
    const { value, floor, ratio, met } = judge(figure);
    const goal =
      figure.goal.of === "ratio" ? `${figure.goal.atMost} x` : `${figure.goal.atMost} ${figure.unit}`;
    table.push([
      figure.name,
      fixed(value, figure.unit),
      figure.values.map((one) => one.toFixed(2)).join(" "),
      figure.floor ? `${fixed(floor, figure.unit)} (${figure.floor.what})` : "",
      ratio === null ? "" : ratio.toFixed(2),
      goal,
      met ? "yes" : "no",
    ]);
  }
  process.stdout.write(`${table.toString()}\n`);
}

try {
  print([...(await measureUps()), ...(await measureMemory())]);
} finally {
  await stack.remove();
}
