import { isObject } from "../../server/values.ts";
import { type Field, type Fields, fieldsOf, tfName } from "../schema.ts";

/**
 * The elements of a set without duplicates, in the order in which Terraform's value library (go-cty) keeps them,
 * which is the order in the official plugin's state: scalars by value, objects by their written-out form.
 */
export function ordered(field: Field, elements: readonly unknown[]): unknown[] {
  const fields = fieldsOf(field);
  const unique = new Map(elements.map((element) => [written(element, fields), element]));
  const sorted = [...unique].sort(([left, a], [right, b]) =>
    field.of === "int" ? Number(a) - Number(b) : compare(left, right),
  );
  return sorted.map(([, element]) => element);
}

/** A value as go-cty writes it for hashing: attributes in the order of Terraform's names, each ended by `;`. */
function written(value: unknown, fields: Fields | null): string {
  if (value === null || value === undefined) return "~";
  if (typeof value === "boolean") return value ? "T" : "F";
  if (typeof value === "string") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((item) => `${written(item, fields)};`).join("")}]`;
  if (!isObject(value) || fields === null) return String(value);
  const attributes = Object.entries(fields).sort(([a, left], [b, right]) =>
    compare(tfName(a, left), tfName(b, right)),
  );
  const parts = attributes.map(([name, field]) => {
    const inner = value[name];
    const sorted = field.kind === "set" && Array.isArray(inner) ? ordered(field, inner) : inner;
    return `${written(sorted, fieldsOf(field))};`;
  });
  return `<${parts.join("")}>`;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
