import type { Failure, Result } from "./events.ts";

/** Why a converge did not reach its end, for people: role, what, the program's own words, the journal, what next. */
export function failureText(machine: string, result: Result): string {
  if (result.died) {
    return (
      `${machine}: the run on the machine was killed before its end (its journal: journalctl -t python3).\n` +
      "What it had done stays, nothing is half written. Run again: it goes on where it was."
    );
  }
  if (result.cancelled) {
    return `${machine}: stopped on request at a safe place. What was done stays; run again to go on.`;
  }
  const error: Failure = result.error ?? { message: "failed without saying why", output: [], journal: [] };
  const where = [machine, error.role ?? undefined].filter((part) => part !== undefined).join(", ");
  const lines = [`${where}: ${error.message}`];
  if (error.output.length > 0) lines.push(...error.output.map((line) => `  ${line}`));
  for (const entry of error.journal) {
    lines.push(`Journal of ${entry.unit}:`, ...quoted(entry.lines));
  }
  lines.push(
    "What was done before stays; nothing that holds data was stopped or removed. Run again after the repair.",
  );
  return lines.join("\n");
}

function quoted(lines: string[]): string[] {
  return lines.length === 0 ? ["  (empty)"] : lines.map((line) => `  ${line}`);
}
