import type { OperationContext } from "../operations/context.ts";
import { messageOf, Problem } from "../toolchain/problem.ts";
import { catchInterrupts, leaveInterrupts } from "./interrupts.ts";
import { printJson, printLine, problemJson, problemText } from "./output.ts";

/** Options that every command has. */
export interface CommonOptions {
  json?: boolean;
  debug?: boolean;
}

/** What a command's work may decide: 0 where it gives nothing. */
export type Work = (ctx: OperationContext) => Promise<number | undefined>;

/**
 * Runs a command's work: interrupts, failures, exit code.
 * @param kind `shell`: another program has the terminal, and Ctrl-C is its business.
 */
export async function run(
  options: CommonOptions,
  work: Work,
  kind: "work" | "shell" = "work",
): Promise<void> {
  const interrupts = kind === "work" ? catchInterrupts() : leaveInterrupts();
  try {
    process.exitCode = (await work({ signal: interrupts.signal, onLine: printLine })) ?? 0;
  } catch (thrown) {
    const error = interrupts.signal.aborted ? interruption(thrown) : thrown;
    printLine(problemText(error, options.debug === true));
    if (options.json) printJson(problemJson(error));
    process.exitCode = error instanceof Problem ? error.exitCode : 1;
  } finally {
    interrupts.stop();
  }
}

/** Whatever an interrupted work threw, it was the interrupt that ended it. */
function interruption(thrown: unknown): Problem {
  if (thrown instanceof Problem && thrown.exitCode === 130) return thrown;
  const told = thrown instanceof Problem ? [messageOf(thrown)] : [];
  return new Problem({
    happened: "Interrupted.",
    details: told,
    todo: ["Run the same command again: it goes on where it stopped."],
    exitCode: 130,
    cause: thrown,
  });
}

/**
 * For commands that ask: before anything is begun.
 * @throws Problem (exit 2) where nobody is there to answer.
 */
export function requireTerminal(command: string): void {
  if (process.stdin.isTTY && process.stderr.isTTY) return;
  throw new Problem({
    happened: `\`${command}\` asks before it changes anything, and there is no terminal to ask on.`,
    left: "Nothing was changed.",
    todo: [`Add --yes: ${command} --yes`],
    exitCode: 2,
  });
}

/** A question on the terminal. */
export async function ask(question: string): Promise<boolean> {
  const { confirm, isCancel } = await import("@clack/prompts");
  const answer = await confirm({ message: question, initialValue: false, output: process.stderr });
  return !isCancel(answer) && answer;
}
