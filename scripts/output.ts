import { styleText } from "node:util";
import { SshError, SshLost } from "../clients/ssh/errors.ts";
import { Problem } from "../toolchain/problem.ts";

/** Data for programs: one JSON document on standard output. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

/** Text for people on standard output. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Progress for people on standard error. */
export function printLine(line: string): void {
  process.stderr.write(`${line}\n`);
}

export type Style = Parameters<typeof styleText>[0];

/** Coloured where the stream is a terminal that wants it. */
export function styled(style: Style, text: string, stream: NodeJS.WriteStream = process.stdout): string {
  return styleText(style, text, { stream });
}

/** A table for people; the first row is the head. */
export async function table(head: string[], rows: string[][]): Promise<string> {
  const { default: Table } = await import("cli-table3");
  const width = process.stdout.isTTY ? process.stdout.columns : undefined;
  const made = new Table({
    head: head.map((title) => styled("bold", title)),
    style: { head: [], border: [], compact: true },
    chars: borderless,
    // The last column takes what the terminal has left.
    ...(width
      ? { colWidths: columnWidths(head, rows, width), wordWrap: true, wrapOnWordBoundary: true }
      : {}),
  });
  made.push(...rows);
  return made.toString();
}

/** @param width Of the terminal, in characters. Null leaves a column as wide as its content. */
export function columnWidths(head: string[], rows: string[][], width: number): (number | null)[] {
  const widest = head.map(
    (title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)) + 2,
  );
  const before = widest.slice(0, -1).reduce((sum, one) => sum + one, 0);
  const last = widest.at(-1) ?? 0;
  return [...head.slice(0, -1).map(() => null), before + last > width ? Math.max(30, width - before) : null];
}

const borderless = Object.fromEntries(
  [
    ...["top", "top-mid", "top-left", "top-right", "bottom", "bottom-mid", "bottom-left", "bottom-right"],
    ...["left", "left-mid", "mid", "mid-mid", "right", "right-mid", "middle"],
  ].map((name) => [name, ""]),
);

/** A failure for people: what happened, what explains it, what was left as it was, what to do. */
export function problemText(error: unknown, debug: boolean): string {
  const red = (text: string) => styled("red", text, process.stderr);
  if (!(error instanceof Problem)) {
    const message = error instanceof Error ? error.message : String(error);
    const hint =
      error instanceof SshError || error instanceof SshLost
        ? "Run the same command again once the machine answers; --debug shows the stack trace."
        : "This is a fault of Phasewise itself. Run it again with --debug for the stack trace, and report it.";
    return [`${red("error:")} ${message}`, ...(debug ? [stackOf(error)] : [`  ${hint}`])].join("\n");
  }
  const lines = [
    `${error.exitCode === 130 ? "" : `${red("error:")} `}${error.happened}`,
    ...error.details.map((line) => `  ${line}`),
    ...(error.left ? [error.left] : []),
    ...(error.todo.length > 0 ? ["What to do:", ...error.todo.map((line) => `  ${line}`)] : []),
    ...(debug ? [stackOf(error)] : []),
  ];
  return lines.join("\n");
}

/** The same for programs. */
export function problemJson(error: unknown): unknown {
  if (!(error instanceof Problem)) {
    return {
      error: {
        happened: error instanceof Error ? error.message : String(error),
        left: null,
        details: [],
        todo: [],
      },
    };
  }
  const { happened, left = null, details, todo } = error;
  return { error: { happened, left, details, todo } };
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return "";
  const cause =
    error.cause === undefined ? "" : `\ncaused by: ${stackOf(error.cause) || String(error.cause)}`;
  return `${error.stack}${cause}`;
}
