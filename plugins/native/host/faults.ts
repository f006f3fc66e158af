import type { z } from "zod";
import { type CheckFailure, UNKNOWN } from "../../server/resource.ts";
import { hasUnknown, isObject, joinPath } from "../../server/values.ts";

/** A fault of the inputs: where, as a path of property names and indexes, and what. */
export interface Fault {
  path: (string | number)[];
  reason: string;
}

/** The faults of a schema, without those that only say that a value is not known yet. */
export function issuesOf(error: z.ZodError, value: unknown): Fault[] {
  return error.issues.flatMap((issue) => {
    const path = issue.path.filter((part) => typeof part !== "symbol");
    if (meetsUnknown(value, path)) return [];
    if (issue.code === "unrecognized_keys") {
      return issue.keys.map((key) => ({
        path: [...path, key],
        reason: "is no known property: is it misspelt?",
      }));
    }
    if (issue.code === "invalid_key") return [{ path, reason: issue.issues[0]?.message ?? issue.message }];
    return [{ path, reason: wording(issue.message, valueAt(value, path)) }];
  });
}

function wording(message: string, value: unknown): string {
  return value === undefined ? "is missing" : message;
}

function meetsUnknown(value: unknown, path: (string | number)[]): boolean {
  let current = value;
  for (const part of path) {
    if (current === UNKNOWN) return true;
    current = valueAt(current, [part]);
  }
  return hasUnknown(current);
}

function valueAt(value: unknown, path: (string | number)[]): unknown {
  return path.reduce<unknown>((current, part) => {
    if (Array.isArray(current)) return current[Number(part)];
    return isObject(current) ? current[String(part)] : undefined;
  }, value);
}

/** A property path with its reason, as the engine shows it: `manifest.roles[0].name`. */
export function failureOf(fault: Fault): CheckFailure {
  const property = fault.path.reduce<string>(
    (text, part) => (typeof part === "number" ? `${text}[${part}]` : joinPath(text, part)),
    "",
  );
  return { property, reason: fault.reason };
}
