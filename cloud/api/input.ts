import { z } from "zod";
import { type FieldFault, invalidInput } from "./errors.ts";
import { labelFaults } from "./labels.ts";

/** What Hetzner says of a value of the wrong type. */
const wrongType: Record<string, string> = {
  string: "Not a valid string.",
  number: "Not a valid integer.",
  int: "Not a valid integer.",
  boolean: "Not a valid boolean.",
  array: "Not a valid list.",
  object: "Not a valid object.",
  record: "Not a valid object.",
};

type Issue = z.core.$ZodIssue;

function message(issue: Issue): string {
  if (issue.code === "invalid_type") {
    if (issue.input === undefined) return "Missing data for required field.";
    if (issue.input === null) return "Field may not be null.";
    return wrongType[issue.expected] ?? `Not a valid ${issue.expected}.`;
  }
  if (issue.code === "invalid_union") {
    return issue.input === undefined ? "Missing data for required field." : "Not a valid id or name.";
  }
  if (issue.code === "invalid_value") return `Must be one of: ${issue.values.join(", ")}.`;
  return issue.message;
}

/** Reads a request's body or query. @throws ApiError invalid_input with every fault. */
export function parse<T>(schema: z.ZodType<T>, data: unknown): T {
  const result = schema.safeParse(data ?? {}, { reportInput: true });
  if (result.success) return result.data;
  const faults = new Map<string, FieldFault>();
  for (const issue of result.error.issues) {
    const name = issue.path.join(".") || "body";
    const fault = faults.get(name) ?? { name, messages: [] };
    fault.messages.push(message(issue));
    faults.set(name, fault);
  }
  throw invalidInput([...faults.values()]);
}

/** For fields that may be left out or null. */
export function optional<T extends z.ZodType>(schema: T) {
  return schema.nullish().transform((value) => value ?? undefined);
}

export const id = z.int().positive();

/** An id or a name; ids may come as decimal strings. */
export const idOrName = z.union([z.int().positive(), z.string().min(1)]);

export const boolean = z.boolean();

export const labels = z.record(z.string(), z.unknown()).transform((value, context) => {
  for (const fault of labelFaults(value)) context.addIssue({ code: "custom", message: fault });
  return value as Record<string, string>;
});

/** A name of most things: 1 to 64 characters, letters, digits, dashes, underscores, dots, spaces. */
export const name = z
  .string()
  .min(1, "Length must be between 1 and 64.")
  .max(64, "Length must be between 1 and 64.")
  .regex(
    /^[a-zA-Z0-9](?:[-_. a-zA-Z0-9]*[a-zA-Z0-9])?$/,
    "Name must start and end with a letter or a digit.",
  );

const hostLabel = /^[a-zA-Z0-9](?:[-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?$/;

/** A server's name: a hostname by RFC 1123. */
export const hostname = z
  .string()
  .refine(
    (value) =>
      value.length >= 1 && value.length <= 253 && value.split(".").every((label) => hostLabel.test(label)),
    "Name must be a valid hostname.",
  );

/** Whether `wanted` means this thing of the catalogue or the store. */
export function means(thing: { id: number; name: string }, wanted: number | string): boolean {
  return thing.name === wanted || String(thing.id) === String(wanted);
}

export { z };
