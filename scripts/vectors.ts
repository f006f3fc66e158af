import { type Command, InvalidArgumentError } from "commander";
import type { VectorReport } from "../operations/vectors/report.ts";
import { print, printJson, styled, table } from "./output.ts";
import { type CommonOptions, run } from "./run.ts";
import { stackArgument } from "./stackArgument.ts";

interface Options extends CommonOptions {
  table: string;
  column?: string;
  operator?: string;
  filter?: string;
  limit: number;
  queries: number;
}

export function vectors(program: Command): void {
  program
    .command("vectors")
    .description("measure a vector index against exact search: recall and latency, and what to set")
    .addArgument(stackArgument())
    .requiredOption("--table <table>", "the table, or schema.table")
    .option("--column <column>", "its column of vectors, where it has several")
    .option("--operator <operator>", 'by which is searched, as "<=>" (default: what the index serves)')
    .option("--filter <column>", "each search keeps to the rows with the same value here, as chatbot_id")
    .option("--limit <rows>", "rows that a search asks for", wholeNumber(1, 500), 5)
    .option("--queries <number>", "how many searches are measured", wholeNumber(1, 2000), 100)
    .option("--json", "the measurements as JSON on standard output")
    .addHelpText(
      "after",
      '\nExamples:\n  npx phasewise vectors dev --table document_chunks\n  npx phasewise vectors dev --table document_chunks --operator "<=>" --json',
    )
    .action((stack: string, options: Options) =>
      run(options, async (ctx) => {
        const { measureVectors } = await import("../operations/vectors/measure.ts");
        const report = await measureVectors(stack, options, ctx);
        if (options.json) printJson(report);
        else await show(report);
        return 0;
      }),
    );
}

function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`Give a whole number, ${least} to ${most}.`);
  };
}

async function show(report: VectorReport): Promise<void> {
  const { column, dimension, operator, exact, today, settings, reaches, warnings } = report;
  const count = (rows: number) => rows.toLocaleString("en");
  print(
    `\n${styled("bold", `${report.table}.${column}`)}: about ${count(report.rows)} rows of ${dimension} dimensions, ` +
      `searched by ${operator} for ${report.limit} rows${report.filter ? ` of the same ${report.filter}` : ""}, ` +
      `${report.queries} times\n`,
  );
  const rows = [
    ["every row (exact)", "100.0 %", `${exact.p50} ms`, `${exact.p95} ms`],
    [`as it is (${today.plan})`, percent(today.recall), `${today.p50} ms`, `${today.p95} ms`],
    ...settings.map((one) => [
      `${one.name} = ${one.value}`,
      percent(one.recall),
      `${one.p50} ms`,
      `${one.p95} ms`,
    ]),
  ];
  print(await table(["How it is searched", "Recall", "p50", "p95"], rows));
  if (settings.length > 0) {
    const least = (value: number | null) => (value === null ? "none measured" : String(value));
    print(`\n${settings[0]!.name} for 95 %: ${least(reaches["0.95"])}, for 99 %: ${least(reaches["0.99"])}`);
  }
  for (const warning of warnings) print(`${styled("yellow", "warning:")} ${warning}`);
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
