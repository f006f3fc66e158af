import type { z } from "zod";
import { type CheckFailure, type Properties, Secret, UNKNOWN } from "../server/resource.ts";
import { unwrapProperties } from "../server/values.ts";
import { failureOf, issuesOf } from "./host/faults.ts";

export interface Checked {
  inputs: Properties;
  failures: CheckFailure[];
}

/**
 * Validates a program's inputs against a schema of plain values: every fault at once, values that a preview does
 * not know let through. A property that is null counts as left out; defaults of the schema are filled in; the
 * properties named in `secrets` are wrapped.
 */
export function checked(schema: z.ZodObject, news: Properties, secrets: string[] = []): Checked {
  const given = Object.fromEntries(
    Object.entries(news).filter(([, value]) => value !== null && value !== undefined),
  );
  const plain = unwrapProperties(given);
  const parsed = schema.safeParse(plain);
  const failures = parsed.success ? [] : issuesOf(parsed.error, plain).map(failureOf);
  const inputs = { ...defaults(schema, plain), ...given };
  for (const name of secrets) {
    const value = inputs[name];
    if (value !== undefined && value !== UNKNOWN && !(value instanceof Secret))
      inputs[name] = new Secret(value);
  }
  return { inputs, failures };
}

function defaults(schema: z.ZodObject, plain: Properties): Properties {
  const found: Properties = {};
  for (const [name, field] of Object.entries(schema.shape)) {
    if (name in plain) continue;
    const parsed = (field as z.ZodType).safeParse(undefined);
    if (parsed.success && parsed.data !== undefined) found[name] = parsed.data;
  }
  return found;
}

/** The refusal to import something that exists in the state alone. */
export function notImportable(type: string, why: string): Error {
  return new Error(
    `${/^[AEIOU]/.test(type) ? "An" : "A"} ${type} cannot be imported: ${why}. Nothing was changed. Declare a new one instead, or move the old one's ` +
      "state with `pulumi state move`.",
  );
}
