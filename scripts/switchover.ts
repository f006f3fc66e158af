import { type Command, Option } from "commander";
import type { Method } from "../operations/switchover/settings.ts";
import type { MoveOptions, MoveReport } from "../operations/switchover/switchover.ts";
import { print, printJson } from "./output.ts";
import { milliseconds } from "./promote.ts";
import { ask, type CommonOptions, requireTerminal, run } from "./run.ts";
import { stackArgument } from "./stackArgument.ts";

interface Options extends CommonOptions {
  to?: string;
  maxStall: number;
  method?: Method;
  yes?: boolean;
}

/** Two commands of one kind: the planned move and the forced one. */
export function switchover(program: Command): void {
  program
    .command("switchover")
    .description("move the primary to a standby while clients wait a moment; nothing is lost")
    .addArgument(stackArgument())
    .option("--to <machine>", "the standby that takes over; by default the nearest")
    .addOption(
      new Option("--max-stall <time>", "how long clients may be held, as 1s or 500ms")
        .argParser(milliseconds)
        .default(1000, "1s"),
    )
    .addOption(
      new Option(
        "--method <method>",
        "who moves it: direct, fastest, or patroni by its own switchover; by default direct, unless a member does not answer",
      ).choices(["direct", "patroni"]),
    )
    .option("-y, --yes", "do not ask")
    .option("--json", "{stack, cluster, from, to, seconds, times} as JSON on standard output")
    .action((stack: string, options: Options) => act("switchover", stack, options));
}

export function failover(program: Command): void {
  program
    .command("failover")
    .description("make a standby the primary by force, when the primary is lost")
    .addArgument(stackArgument())
    .option("--to <machine>", "the standby that takes over; by default the one that has most")
    .option("-y, --yes", "do not ask")
    .option("--json", "{stack, cluster, from, to, seconds, times} as JSON on standard output")
    .action((stack: string, options: Options) => act("failover", stack, { ...options, maxStall: 0 }));
}

async function act(command: "switchover" | "failover", stack: string, options: Options): Promise<void> {
  await run(options, async (ctx) => {
    if (!options.yes) requireTerminal(`npx phasewise ${command} ${stack}`);
    const operations = await import("../operations/switchover/switchover.ts");
    const confirm: MoveOptions["confirm"] = ({ from, risk, to }) => {
      const lost = risk ? ` It may lose ${risk}.` : "";
      return ask(`${stack}: ${to} takes over from ${from ?? "nobody"}.${lost} Go on?`);
    };
    const { maxStall: maxStallMs, method, to, yes } = options;
    const report = await operations[command](
      stack,
      { to, maxStallMs, method, ...(yes ? {} : { confirm }) },
      ctx,
    );
    if (options.json) printJson(report);
    else print(textOf(report));
    return 0;
  });
}

function textOf({ cluster, from, seconds, times, to }: MoveReport): string {
  const held = times ? `; clients were held for ${times.heldMs} ms` : "";
  return `${cluster}: ${to} is the primary in place of ${from ?? "nobody"} after ${seconds} s${held}.`;
}
