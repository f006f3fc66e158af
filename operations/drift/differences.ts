import type { EngineEvent, StepEventMetadata } from "@pulumi/pulumi/automation/index.js";
import { parseUrn, typeLabel } from "../deploy/names.ts";
import { parsePath, valueAt } from "./path.ts";

/** A resource that is not as it was declared. */
export interface Drifted {
  /** As "Server". */
  type: string;
  name: string;
  state: "changed" | "gone" | "off";
  /** Empty where it is gone. */
  differences: Difference[];
}

export interface Difference {
  /** As "pgbouncer: file /etc/pgbouncer/pgbouncer.ini, content". */
  what: string;
  /** As it was declared; of a text only the lines, of a list the elements that are not found. Null: nothing. */
  declared: unknown;
  found: unknown;
}

/**
 * What a look at everything found, from the engine's events.
 * @param look `whole`: the run did nothing but look. `part`: it looked before it did, or planned, its work.
 */
export function driftOf(events: EngineEvent[], look: "whole" | "part"): Drifted[] {
  return events
    .flatMap(({ resOutputsEvent }) => (resOutputsEvent ? [resOutputsEvent.metadata] : []))
    .filter(({ op }) => look === "whole" || op === "refresh")
    .flatMap((step) => drifted(step) ?? []);
}

/** What a step that looked found of one resource; null where it is as it was declared. */
export function drifted(step: StepEventMetadata): Drifted | null {
  if (step.old?.custom !== true) return null;
  const { type, name } = parseUrn(step.urn);
  const label = { type: typeLabel(type), name };
  if (!step.new) return { ...label, state: "gone", differences: [] };
  const { old, new: now } = step as Required<StepEventMetadata>;
  const differences = Object.entries(step.detailedDiff ?? {}).map(([path, { inputDiff }]) => {
    const [before, after] = inputDiff ? [old.inputs, now.inputs] : [old.outputs, now.outputs];
    return differenceAt(parsePath(path), before, after);
  });
  const status = now.outputs.status as unknown;
  if (type === "hcloud:index/server:Server" && status !== "running") {
    return {
      ...label,
      state: "off",
      differences: [...differences, { what: "status", declared: "running", found: status }],
    };
  }
  return differences.length === 0 ? null : { ...label, state: "changed", differences };
}

function differenceAt(parts: string[], before: unknown, after: unknown): Difference {
  const [declared, found] = [valueAt(before, parts), valueAt(after, parts)];
  if (parts.at(-1) === "found") {
    return { what: wordsOf(parts.slice(0, -1), after), declared: null, found };
  }
  const what = wordsOf(parts, before);
  if (Array.isArray(declared) && Array.isArray(found))
    return { what, declared: elementsOnlyIn(declared, found), found: elementsOnlyIn(found, declared) };
  if (parts.at(-1) !== "content" || typeof declared !== "string" || typeof found !== "string")
    return { what, declared: declared ?? null, found: found ?? null };
  return { what, declared: linesOnlyIn(declared, found), found: linesOnlyIn(found, declared) };
}

const kinds: Record<string, string> = {
  files: "file",
  directories: "directory",
  units: "unit",
  prepare: "step",
  finish: "step",
  packages: "package",
  hold: "held package",
  ready: "readiness",
};

/** A place in a resource's inputs as people call it. */
function wordsOf(parts: string[], inputs: unknown): string {
  const [first, second, third, kind, item, ...rest] = parts;
  if (first === "manifest" && second === "mounts") return `mount ${third}`;
  if (first === "manifest" && second === "roles" && kind !== undefined) {
    const named = valueAt(inputs, [...parts.slice(0, 5), "name"]);
    const name = typeof named === "string" ? named : item;
    const attribute = rest.length > 0 ? `, ${rest.join(" ")}` : "";
    return `${third}: ${kinds[kind] ?? kind}${name === undefined ? "" : ` ${name}`}${attribute}`;
  }
  if (parts.length === 0) return "the whole";
  if (first === "manifest") return "machine";
  if (first === "dynamicConfiguration") return `setting ${parts.at(-1)}`;
  if (first === "statements") return `SQL: ${second}`;
  if (first === "steps") return `step: ${second}`;
  return parts.join(" ");
}

/** How many lines of a changed text are shown. */
const shownLines = 10;

function linesOnlyIn(text: string, other: string): string {
  const there = new Set(other.split("\n"));
  const lines = text.split("\n").filter((line) => !there.has(line));
  const more = lines.length > shownLines ? [`and ${lines.length - shownLines} more lines`] : [];
  return [...lines.slice(0, shownLines), ...more].join("\n");
}

function elementsOnlyIn(list: unknown[], other: unknown[]): unknown[] {
  const there = new Set(other.map((each) => JSON.stringify(each)));
  return list.filter((each) => !there.has(JSON.stringify(each)));
}

/** One line for people, as "Host phasewise-core-1 was changed: pgbouncer: unit pgbouncer.service". */
export function driftLine({ type, name, state, differences }: Drifted): string {
  const what = differences.map((difference) => difference.what).join("; ");
  if (state === "gone") return `${type} ${name} is gone`;
  return `${type} ${name} ${state === "off" ? "is off" : "was changed"}: ${what}`;
}
