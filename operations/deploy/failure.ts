import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";
import { Problem } from "../../toolchain/problem.ts";
import { parseUrn, resourceLabel } from "./names.ts";
import { plain } from "./progress.ts";
import type { EngineCommand } from "./run.ts";

/** One resource that failed, in words. */
export interface Failure {
  urn: string;
  /** As "Server core-1 could not be created". */
  what: string;
  /** The provider's own words, noise removed; several lines at most where the provider gave several. */
  reasons: string[];
}

const verbs: Record<string, string> = {
  create: "created",
  "create-replacement": "created anew",
  update: "updated",
  delete: "deleted",
  "delete-replaced": "deleted",
  read: "read",
  refresh: "read",
  import: "imported",
};

/** Gathers what failed from the engine's events: one entry a resource, and the rest under the stack. */
export function failuresOf(events: EngineEvent[]): Failure[] {
  const operations = new Map<string, string>();
  for (const { resOpFailedEvent } of events) {
    if (resOpFailedEvent) operations.set(resOpFailedEvent.metadata.urn, resOpFailedEvent.metadata.op);
  }
  const failures = new Map<string, Failure>();
  for (const { diagnosticEvent } of events) {
    if (diagnosticEvent?.severity !== "error") continue;
    const urn = diagnosticEvent.urn || "";
    const reasons = reasonsOf(plain(diagnosticEvent.message));
    const known = failures.get(urn);
    if (known) known.reasons.push(...reasons.filter((reason) => !known.reasons.includes(reason)));
    else failures.set(urn, { urn, what: whatOf(urn, operations.get(urn)), reasons });
  }
  return [...failures.values()].filter((failure) => failure.reasons.length > 0);
}

function whatOf(urn: string, operation: string | undefined): string {
  if (urn === "" || parseUrn(urn).type === "pulumi:pulumi:Stack") return "The program failed";
  if (!operation) return `${resourceLabel(urn)} was refused`;
  return `${resourceLabel(urn)} could not be ${verbs[operation] ?? operation}`;
}

/** Lines that say nothing to an operator. */
const noise = [
  /^\d+ errors? occurred:$/,
  /^(update|preview|resource \S+) failed$/,
  /^one or more (errors|resource).*$/i,
  /^error: update failed$/,
  /^This is \*always\* a bug in the provider/,
  /^To assist with debugging we have dumped/,
];

/** Where in a program something was thrown: for `--debug`, which shows the engine's whole output. */
const stackFrame = /^at .*:\d+:\d+\)?( \{)?$/;

/** A provider's message without the frames that the engine and the bridges put around it. */
export function reasonsOf(message: string): string[] {
  return message
    .split("\n")
    .map((line) =>
      line
        .replace(/^\s*\*\s+/, "")
        .replace(/^(error|Error): /, "")
        .replace(/^(creating|updating|deleting|reading|refreshing) urn:\S+: /, "")
        .replace(/^sdk-v2\/provider2?\.go:\d+: sdk\.helper_schema: /, "")
        .replace(/: provider=\S+$/, "")
        .trim(),
    )
    .filter((line) => line !== "" && !stackFrame.test(line) && !noise.some((pattern) => pattern.test(line)));
}

/** What an operator is told when an update did not go through. */
export function deployProblem(args: {
  command: EngineCommand;
  stack: string;
  failures: Failure[];
  /** Resources that were finished in this run. */
  finished: number;
  /** The engine's own text, where its events explain nothing. */
  fallback: string;
  /** The engine's exit code. */
  code: number;
}): Problem {
  const { command, stack, failures, finished } = args;
  // Exit codes of programs end where those of signals begin; the engine's own is 255.
  if (args.code > 128 && args.code < 255) return killed(command, stack, finished);
  const first = failures[0];
  const happened = first
    ? `${first.what}${first.reasons.length === 1 ? `: ${first.reasons[0]}` : "."}`
    : `The ${command} of ${stack} failed.`;
  const details = [
    ...(first && first.reasons.length > 1 ? first.reasons : []),
    ...failures.slice(1).flatMap(({ what, reasons }) => [`${what}:`, ...reasons.map((line) => `  ${line}`)]),
    ...(first ? [] : args.fallback.split("\n").slice(-10)),
  ];
  return new Problem({ happened, details, left: leftOf(command, finished), todo: todoOf(command, stack) });
}

function killed(command: EngineCommand, stack: string, finished: number): Problem {
  return new Problem({
    happened: `Pulumi's engine was killed in the middle of the ${command} of ${stack}.`,
    left: `${finished} resource${finished === 1 ? " was" : "s were"} finished; what was under way may be there without being recorded.`,
    todo: [`Run \`npx phasewise ${command} ${stack}\` again: it takes over what is there and goes on.`],
  });
}

function leftOf(command: EngineCommand, finished: number): string {
  if (command === "preview") return "Nothing was changed; a preview never does.";
  if (command === "drift") return "Nothing was changed; it only looks.";
  if (finished === 0) return "Nothing was changed.";
  return `${finished} resource${finished === 1 ? " was" : "s were"} finished before and ${finished === 1 ? "is" : "are"} recorded; nothing else was begun.`;
}

function todoOf(command: EngineCommand, stack: string): string[] {
  const again = `Remove the cause, then run \`npx phasewise ${command} ${stack}\` again: it goes on where it stopped.`;
  if (command === "up") return [again, `Or give up what was made: npx phasewise destroy ${stack}`];
  return command === "destroy" ? [again] : ["Remove the cause, then run it again."];
}
