import { distance } from "fastest-levenshtein";

/** One thing that is wrong in a stack's settings. None of the texts ever holds a secret. */
export interface Fault {
  /** Where: the path in the stack's file, as `phasewise:volume.sizeGb`. */
  path: string;
  found: string;
  allowed: string;
  /** What to do, as an instruction. */
  fix: string;
}

/** Bad settings: all faults at once. The message is for people and says that nothing was changed. */
export class ConfigError extends Error {
  readonly faults: Fault[];
  constructor(source: string, faults: Fault[]) {
    super(formatFaults(source, faults));
    this.name = "ConfigError";
    this.faults = faults;
  }
}

/** @param source What holds the settings, as `stacks/Pulumi.dev.yaml`. */
export function formatFaults(source: string, faults: Fault[]): string {
  const count = faults.length === 1 ? "1 fault" : `${faults.length} faults`;
  const parts = faults.map(({ path, found, allowed, fix }) =>
    [`  ${path}`, `    found    ${found}`, `    allowed  ${allowed}`, `    fix      ${fix}`].join("\n"),
  );
  return [`${source} has ${count}; nothing was changed.`, ...parts].join("\n\n");
}

/** The candidate that a misspelt word most likely means; undefined where none is near. */
export function didYouMean(word: string, candidates: readonly string[]): string | undefined {
  const lower = word.toLowerCase();
  const ranked = candidates
    .map((candidate) => ({ candidate, edits: distance(lower, candidate.toLowerCase()) }))
    .filter(
      ({ candidate, edits }) => edits <= Math.max(1, Math.floor(Math.max(word.length, candidate.length) / 3)),
    )
    .sort((a, b) => a.edits - b.edits || Number(sameStart(b.candidate)) - Number(sameStart(a.candidate)));
  return ranked[0]?.candidate;

  function sameStart(candidate: string): boolean {
    return candidate.toLowerCase()[0] === lower[0];
  }
}

/** How a found value is shown: short, on one line, as it would stand in the file. A private key never is. */
export function describe(value: unknown): string {
  if (value === undefined || value === null) return "nothing";
  if (typeof value === "symbol") return "an encrypted value";
  if (value === "") return "an empty text";
  const text = JSON.stringify(value);
  if (text.includes("PRIVATE KEY")) return "a private key";
  return text.length > 72 ? `${text.slice(0, 69)}...` : text;
}

/** `a`, `a or b`, `a, b or c`. */
export function either(values: readonly (string | number)[]): string {
  return joined(values, "or");
}

/** `a`, `a and b`, `a, b and c`. */
export function listed(values: readonly (string | number)[]): string {
  return joined(values, "and");
}

function joined(values: readonly (string | number)[], word: string): string {
  const last = values.at(-1);
  return values.length < 2 ? String(last ?? "") : `${values.slice(0, -1).join(", ")} ${word} ${last}`;
}
