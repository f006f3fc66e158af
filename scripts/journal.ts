import { type Command, InvalidArgumentError } from "commander";
import { print, printJson, styled, table } from "./output.ts";
import { type CommonOptions, run } from "./run.ts";
import { stackArgument } from "./stackArgument.ts";

interface Options extends CommonOptions {
  machine?: string;
  person?: string;
  since: string;
  lines: number;
  all?: boolean;
}

export function journal(program: Command): void {
  program
    .command("journal")
    .description("who did what on the machines: commands, logins, sudo")
    .addArgument(stackArgument())
    .option("-m, --machine <name>", "only this machine")
    .option("-p, --person <name>", "only this person")
    .option("--since <time>", "as journalctl takes it: -1h, yesterday", "-1d")
    .option("-n, --lines <number>", "how many of the last entries", wholeNumber, 50)
    .option("--all", "also each connection that a command made with the stack's own key")
    .option(
      "--json",
      "{stack, entries: [{time, machine, kind, person, from, what}]} as JSON on standard output",
    )
    .addHelpText(
      "after",
      "\nExamples:\n  npx phasewise journal production\n  npx phasewise journal dev --person alice --since -1h",
    )
    .action((stack: string, options: Options) =>
      run(options, async (ctx) => {
        const operations = await import("../operations/journal.ts");
        const { machine, person, since, lines, all = false } = options;
        const wanted = { since, lines, all, ...(machine ? { machine } : {}), ...(person ? { person } : {}) };
        const report = await operations.journal(stack, wanted, ctx);
        if (options.json) printJson(report);
        else if (report.entries.length === 0) print(`${stack}: nothing since ${since}.`);
        else print(await shown(report.entries));
        return 0;
      }),
    );
}

function shown(entries: import("../operations/journal.ts").Entry[]): Promise<string> {
  const rows = entries.map(({ time, machine, kind, person, from, what }) => [
    time.slice(0, 19).replace("T", " "),
    machine,
    person,
    from,
    kind === "refused" ? styled("red", kind) : kind,
    what,
  ]);
  return table(["Time (UTC)", "Machine", "Person", "From", "", "What"], rows);
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError("a whole number from 1 on is wanted.");
  return Number(text);
}
