import type { z } from "zod";
import { bare, type Expectation, expectationOf, schemaAt, secretPlaces } from "./expectation.ts";
import { describe, didYouMean, type Fault, listed } from "./fault.ts";
import { type Settings, settings } from "./settings.ts";

/** A value that is kept encrypted where it was read, so that only its presence is known. */
export const ENCRYPTED: unique symbol = Symbol("encrypted");

/** The settings as they were read: keys without their namespace. */
export type RawSettings = Record<string, unknown>;

export interface Judged {
  /** What passed; a key whose value has a fault is left out. */
  valid: Partial<Settings>;
  faults: Fault[];
}

const namespace = "phasewise:";

export function pathOf(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, key, index) =>
      typeof key === "number" ? `${text}[${key}]` : `${text}${index === 0 ? "" : "."}${String(key)}`,
    namespace,
  );
}

/** Where secrets stand in the settings. */
export const secretSettings: readonly string[][] = Object.entries(settings).flatMap(([key, schema]) =>
  secretPlaces(schema).map((place) => [key, ...place]),
);

/** Judges every setting on its own and reports all faults, in the order of the settings. */
export function judge(raw: RawSettings): Judged {
  const valid: Record<string, unknown> = {};
  const faults = Object.keys(raw)
    .filter((key) => !(key in settings))
    .map((key) => unknownKey([key], raw[key], Object.keys(settings)));
  for (const [key, schema] of Object.entries(settings) as [string, z.ZodType][]) {
    const encrypted = encryptedFaults(schema, [key], raw[key]);
    const result = schema.safeParse(encrypted.value);
    const found = result.success
      ? []
      : result.error.issues.flatMap((issue) => faultsOf(issue, key, schema, raw));
    const covered = new Set(encrypted.faults.map((fault) => fault.path));
    faults.push(...encrypted.faults, ...found.filter((fault) => !covered.has(fault.path)));
    if (result.success && encrypted.faults.length === 0) valid[key] = result.data;
  }
  return { valid: valid as Partial<Settings>, faults };
}

function faultsOf(issue: z.core.$ZodIssue, key: string, schema: z.ZodType, raw: RawSettings): Fault[] {
  const path = [key, ...issue.path];
  // A check that looks at several values at once says itself what is wrong.
  if (issue.code === "custom" && issue.params?.fault) return [{ path: pathOf(path), ...issue.params.fault }];
  if (issue.code === "unrecognized_keys") {
    const section = schemaAt(schema, issue.path);
    const siblings = section && "shape" in section ? Object.keys(section.shape as object) : [];
    return issue.keys.map((unknown) =>
      unknownKey([...path, unknown], valueAt(raw, [...path, unknown]), siblings),
    );
  }
  if (issue.code === "invalid_key") {
    const record = bare(schemaAt(schema, issue.path.slice(0, -1))!) as z.ZodRecord;
    return [fault(path, path.at(-1), expectationOf(record.keyType as z.ZodType))];
  }
  return [fault(path, valueAt(raw, path), expectationOf(schemaAt(schema, issue.path)))];
}

function fault(path: PropertyKey[], value: unknown, expected: Expectation): Fault {
  const missing = value === undefined || value === null;
  const found = expected.secret && !missing ? "a value of another form (not shown)" : describe(value);
  const fix = typeof expected.fix === "string" ? expected.fix : expected.fix(value);
  return { path: pathOf(path), found, allowed: expected.allowed, fix };
}

/** A key that means nothing here: misspelt, or at the wrong depth, or invented. */
function unknownKey(path: string[] | PropertyKey[], value: unknown, siblings: string[]): Fault {
  const key = String(path.at(-1));
  const near = didYouMean(key, siblings);
  const elsewhere = near ? undefined : placesOf(key)[0];
  const section = path.slice(0, -1);
  const meant = near ? pathOf([...section, near]) : elsewhere && pathOf(elsewhere);
  const known = siblings.length > 0 ? siblings.join(", ") : "no settings";
  return {
    path: pathOf(path),
    found: `an unknown setting${value === undefined || value === ENCRYPTED ? "" : `, ${shape(value)}`}`,
    allowed: section.length > 0 ? `in ${pathOf(section)}: ${known}` : known,
    fix: meant ? `did you mean ${meant}?` : "remove it",
  };
}

/** The kind of a value under an unknown key: the value itself might be a secret that was misplaced. */
function shape(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  return value !== null && typeof value === "object"
    ? "a section"
    : `a ${typeof value === "string" ? "text" : typeof value}`;
}

/** Every place in the settings whose last part is `key`. */
function placesOf(key: string): string[][] {
  return Object.entries(settings).flatMap(([name, schema]) => {
    const section = bare(schema as z.ZodType);
    const inside = "shape" in section ? Object.keys(section.shape as object) : [];
    return inside.filter((child) => child.toLowerCase() === key.toLowerCase()).map((child) => [name, child]);
  });
}

/** What stands at a path; undefined where nothing does. */
export function valueAt(raw: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      value !== null && typeof value === "object" ? (value as Record<PropertyKey, unknown>)[key] : undefined,
    raw,
  );
}

/**
 * Takes encrypted values out of what is to be judged: where a secret belongs they stand for an acceptable one,
 * everywhere else the value must be readable.
 */
function encryptedFaults(
  schema: z.ZodType,
  path: PropertyKey[],
  value: unknown,
): { value: unknown; faults: Fault[] } {
  if (value === ENCRYPTED) {
    const at = schemaAt(schema, path.slice(1));
    if (at === undefined) return { value: "encrypted", faults: [] };
    const expected = expectationOf(at);
    if (expected.secret && !("shape" in at)) return { value: expected.standIn, faults: [] };
    const fix = `write it in clear; only ${listed(secretSettings.map((place) => place.join(".")))} are secrets`;
    return {
      value,
      faults: [{ path: pathOf(path), found: "an encrypted value", allowed: expected.allowed, fix }],
    };
  }
  if (value === null || typeof value !== "object") return { value, faults: [] };
  const parts = Object.entries(value).map(([key, part]) => {
    const step = Array.isArray(value) ? Number(key) : key;
    return [key, encryptedFaults(schema, [...path, step], part)] as const;
  });
  const faults = parts.flatMap(([, part]) => part.faults);
  const entries = parts.map(([key, part]) => [key, part.value] as const);
  return {
    value: Array.isArray(value) ? entries.map(([, part]) => part) : Object.fromEntries(entries),
    faults,
  };
}
