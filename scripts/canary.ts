import { type Command, InvalidArgumentError } from "commander";
import type { StandingReport } from "../operations/canary/control.ts";
import { print, printJson } from "./output.ts";
import { type CommonOptions, run } from "./run.ts";
import { stackArgument } from "./stackArgument.ts";

interface StartOptions extends CommonOptions {
  rate: number;
}

/** A canary that is left on: what it knows stays on this machine, outside the database that is judged by it. */
export function canary(program: Command): void {
  const group = program
    .command("canary")
    .description(
      "write and read numbered rows as a client, for as long as you like, and tell which are missing",
    );
  group
    .command("start")
    .description("leave it on, as a process of this machine")
    .addArgument(stackArgument())
    .option("--rate <rows>", "rows a second, 1 to 100", rate, 5)
    .option("--json", "{stack, pid, folder} as JSON on standard output")
    .action((stack: string, options: StartOptions) =>
      run(options, async (ctx) => {
        const { startCanary } = await import("../operations/canary/control.ts");
        const started = await startCanary(stack, { rate: options.rate }, ctx);
        if (options.json) printJson(started);
        else
          print(
            `The canary of ${stack} is on (process ${started.pid}); what it knows is in ${started.folder}.`,
          );
        return 0;
      }),
    );
  for (const [name, what] of [
    ["report", "look for every row that was acknowledged; it goes on"],
    ["stop", "end it and report; where nothing is missing, what it wrote is removed"],
  ] as const) {
    group
      .command(name)
      .description(what)
      .addArgument(stackArgument())
      .option("--json", "the report as JSON on standard output")
      .action((stack: string, options: CommonOptions) =>
        run(options, async (ctx) => {
          const { canaryReport, stopCanary } = await import("../operations/canary/control.ts");
          const report = await (name === "stop" ? stopCanary : canaryReport)(stack, ctx);
          if (options.json) printJson(report);
          else show(report);
          return report.missing === 0 ? 0 : 1;
        }),
      );
  }
}

function rate(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value >= 1 && value <= 100) return value;
  throw new InvalidArgumentError("it takes a number from 1 to 100.");
}

function show(report: StandingReport): void {
  const { acknowledged, errors, missing, p99StallMs, running, samples, since, stack, worstStallMs } = report;
  print(`${stack}: ${acknowledged} rows acknowledged since ${since}, ${missing} missing, ${errors} errors.`);
  print(
    `  waits: 99 of 100 within ${p99StallMs} ms, the worst ${worstStallMs} ms; it is ${running ? "on" : "off"}`,
  );
  for (const sample of samples) print(`  ${sample}`);
}
