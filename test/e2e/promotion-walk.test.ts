import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Stack } from "./stack.ts";

/**
 * One promotion that is killed before, during and after each thing that it does, and gone on with each time, on real
 * machines; on demand. PHASEWISE_TEST_WALK names the ways, as "1-2,2-1,abort-2"; PHASEWISE_TEST_WALK_EVERY=5 takes every
 * fifth place only; PHASEWISE_TEST_PLACES_KEPT is a folder for the lists of places.
 */
const asked = process.env.PHASEWISE_TEST_WALK;
const every = Number(process.env.PHASEWISE_TEST_WALK_EVERY ?? 1);

const stack = new Stack("promotion-walk");
const root = resolve(import.meta.dirname, "../..");
const killer = resolve(import.meta.dirname, "killEffects.ts");

interface Result {
  canary: { acknowledged: number; missing: number; errors: number };
}

type Way = { name: string; from: number; to: number; abort: boolean };

function wayOf(name: string): Way {
  const [, first, second] = /^(abort|\d)-(\d)$/.exec(name) ?? [];
  const to = Number(second);
  if (first === undefined) throw new Error(`PHASEWISE_TEST_WALK: ${name} is no way, as 1-2 or abort-2`);
  return first === "abort"
    ? { name, from: to - 1, to, abort: true }
    : { name, from: Number(first), to, abort: false };
}

const ways = (asked ?? "1-2").split(",").map(wayOf);

const placesFile = (way: string) => join(stack.directory, `places-${way}`);

async function run(way: Way, ...args: string[]) {
  return await execa(
    process.execPath,
    ["--import", killer, join(root, "bin/phasewise.mjs"), "promote", stack.name, ...args, "--yes", "--json"],
    {
      cwd: root,
      env: {
        ...stack.env,
        PHASEWISE_TEST_PLACES: placesFile(way.name),
      },
      reject: false,
      stdin: "ignore",
      timeout: 600_000,
    },
  );
}

/** Runs it again and again until it is not killed any more. @returns Its result and how often it was killed. */
async function walk(
  way: Way,
  first: string[],
  again: string[],
): Promise<{ result: Result | null; killed: number }> {
  writeFileSync(placesFile(way.name), "");
  let args = first;
  for (let killed = 0; ; killed++) {
    const ended = await run(way, ...args);
    if (ended.signal === "SIGKILL") {
      // Its journal is there as soon as its first step begins.
      const places = readFileSync(placesFile(way.name), "utf8");
      if (/journal: it begins \| after/.test(places)) args = again;
      continue;
    }
    const where = `${way.name}: ended after ${killed} kills, the last at ${lastPlace(way)}`;
    if (ended.exitCode === 2 && args === again && /No promotion of/.test(String(ended.stderr))) {
      // It was killed before it had begun, or after it had ended.
      if ((await phase()) === String(way.abort ? way.from : way.to)) return { result: null, killed };
      args = first;
      continue;
    }
    if (ended.exitCode === 2 && args === first && /is under way/.test(String(ended.stderr))) {
      args = again;
      continue;
    }
    expect(ended.exitCode, `${where}\n${ended.stderr}`).toBe(0);
    process.stderr.write(`${where}\n`);
    return { result: JSON.parse(String(ended.stdout)) as Result, killed };
  }
}

function lastPlace(way: Way): string {
  return readFileSync(placesFile(way.name), "utf8").trim().split("\n").at(-1) ?? "";
}

async function phase(): Promise<string> {
  return (await stack.run("cost", stack.name, "--json")).stdout.match(/"phase": (\d)/)?.[1] ?? "";
}

beforeAll(async () => {
  await stack.reset();
  stack.configure({ "phasewise:deletionProtection": true, "phasewise:phase": ways[0]!.from });
  await stack.up();
  await stack.backedUp();
  await stack.sql("CREATE TABLE kept (number int)");
  await stack.sql("INSERT INTO kept SELECT generate_series(1, 1000)");
});

afterAll(async () => {
  const kept = process.env.PHASEWISE_TEST_PLACES_KEPT;
  if (kept) {
    mkdirSync(kept, { recursive: true });
    for (const { name } of ways)
      if (existsSync(placesFile(name)))
        appendFileSync(join(kept, `places-${name}`), readFileSync(placesFile(name)));
  }
  await stack.remove();
});

describe.skipIf(asked === undefined).each(ways)("the way $name", (way) => {
  test(
    "is gone to its end, wherever it is killed",
    async () => {
      const to = ["--to", String(way.to)];
      if (way.abort) await stack.expectOk("promote", stack.name, ...to, "--yes", "--pause-before", "confirm");
      const forth = way.abort ? ["--abort"] : to;
      const { killed, result } = await walk(way, forth, way.abort ? ["--abort"] : ["--resume"]);
      expect(killed).toBeGreaterThanOrEqual(Math.floor(20 / every));
      // The last kill may fall between the end of the work and its report.
      if (result) expect(result.canary).toMatchObject({ missing: 0, errors: 0 });
      expect(await phase()).toBe(String(way.abort ? way.from : way.to));
      await stack.eventually(async () => expect(await stack.faults()).toEqual([]));
      expect(await stack.sql("SELECT count(*) FROM kept")).toBe("1000");
      const machines = { 1: 1, 2: 3, 3: 7 }[way.abort ? way.from : way.to];
      expect(await stack.servers()).toHaveLength(machines!);
    },
    3 * 3_600_000,
  );
});
