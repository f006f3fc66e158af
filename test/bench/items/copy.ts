import { createWriteStream } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Settings } from "../../../examples/generate/example.ts";
import { copyChunks } from "../../../operations/examples/copy.ts";
import { findExample } from "../../../operations/examples/find.ts";
import { parseSchema } from "../../../operations/examples/schema.ts";
import type { Stack } from "../../e2e/stack.ts";
import type { Item } from "../item.ts";
import { seconds } from "../measure.ts";

/** About 200,000 rows, 66 MB: long enough to leave the start of the commands behind. */
const size = 100;
const settings: Settings = { seed: "bench", size, until: "2026-07-01", dimension: 384 };

/**
 * Loading the FastBots sample beside `psql \copy` of the very same bytes from files, by turns, into the same tables
 * through the same endpoint. Ours makes the rows meanwhile, psql only reads them.
 */
export const measure: Item = async (bench) => {
  const stack = await bench.running();
  const { example, schema } = await findExample("fastbots");
  const tables = example.tables(settings);
  const folder = await mkdtemp(join(tmpdir(), "phasewise-bench-"));
  try {
    for (const table of tables) {
      const chunks = [...copyChunks(table)].map(([chunk]) => chunk);
      await pipeline(Readable.from(chunks), createWriteStream(join(folder, table.name)));
      // Not from a cold disk: what is compared is the way to the server.
      await readFile(join(folder, table.name));
    }
    const { tables: definitions } = parseSchema(schema, { ...settings });
    const script = join(folder, "script.sql");
    const statements = tables.flatMap(({ name, columns }) => [
      "begin;",
      `${definitions.get(name)};`,
      `\\copy ${name} (${columns.join(", ")}) from '${join(folder, name)}' with (format binary, freeze)`,
      "commit;",
    ]);
    await writeFile(script, statements.join("\n"));
    const ours: number[] = [];
    const theirs: number[] = [];
    for (let run = 0; run < bench.runs; run++) {
      bench.progress(`loading ${size} organizations of FastBots, ${run + 1} of ${bench.runs}`);
      ours.push(await load(stack));
      theirs.push(
        await psql(
          stack,
          script,
          tables.map(({ name }) => name),
        ),
      );
    }
    return [
      {
        name: "COPY of the FastBots sample, rows made meanwhile",
        values: ours,
        unit: "s",
        floor: { what: "psql \\copy of the same rows", values: theirs },
        // 80 % of its speed.
        goal: { atMost: 1.25, of: "ratio" },
      },
    ];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

/** Seconds that COPY took; the keys and statistics that follow it are not psql's either. */
async function load(stack: Stack): Promise<number> {
  const wishes = ["--size", `${settings.size}`, "--seed", settings.seed, "--until", settings.until];
  const report = await stack.json<{ copySeconds: number }>(
    "example",
    "load",
    stack.name,
    "fastbots",
    ...wishes,
  );
  await stack.expectOk("example", "drop", stack.name, "fastbots", "--yes");
  return report.copySeconds;
}

async function psql(stack: Stack, script: string, tables: string[]): Promise<number> {
  const options = ["-X", "-q", "-v", "ON_ERROR_STOP=1"];
  const nothing = await seconds(() => stack.expectOk("psql", stack.name, "--", ...options, "-c", "select 1"));
  const took = await seconds(() => stack.expectOk("psql", stack.name, "--", ...options, "-f", script));
  await stack.sql(`drop table ${tables.join(", ")}`);
  return took - nothing;
}
