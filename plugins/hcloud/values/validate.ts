import { type CheckFailure, type Properties, Secret, UNKNOWN } from "../../server/resource.ts";
import { isObject, joinPath, unwrapProperties } from "../../server/values.ts";
import { type Field, type Fields, fieldsOf, type HcloudType, type Scalar } from "../schema.ts";

/** All that is wrong with a resource's inputs. What is unknown in a preview is taken to be right. */
export function invalidInputs(type: HcloudType, inputs: Properties): CheckFailure[] {
  const failures = checkObject(type.fields, inputs, "");
  return failures.length > 0 ? failures : (type.faults?.(unwrapProperties(inputs)) ?? []);
}

function checkObject(fields: Fields, given: Properties, path: string): CheckFailure[] {
  const failures: CheckFailure[] = [];
  for (const [name, field] of Object.entries(fields)) {
    const property = joinPath(path, name);
    const value = given[name];
    const missing = value === undefined || value === null;
    if (missing && field.required)
      failures.push({ property, reason: `Missing required property "${property}".` });
    if (missing) continue;
    if (field.output) failures.push({ property, reason: `"${property}" is an output and cannot be set.` });
    else failures.push(...checkValue(field, value, property));
  }
  for (const name of Object.keys(given)) {
    if (fields[name] !== undefined || name.startsWith("__")) continue;
    const property = joinPath(path, name);
    const known = Object.keys(fields).filter((key) => fields[key]?.output !== true);
    failures.push({
      property,
      reason: `There is no property "${property}". There are: ${known.join(", ")}.`,
    });
  }
  return failures;
}

function checkValue(field: Field, given: unknown, path: string): CheckFailure[] {
  const value = given instanceof Secret ? given.value : given;
  if (value === UNKNOWN || value === null) return [];
  const wrong = (what: string) => [{ property: path, reason: `"${path}" must be ${what}.` }];
  const fields = fieldsOf(field);
  if (field.kind === "list" || field.kind === "set") {
    if (!Array.isArray(value)) return wrong("a list");
    const element: Field =
      fields === null ? { kind: field.of as Scalar, invalid: field.invalid } : { kind: "object", of: fields };
    return value.flatMap((item, index) => checkValue(element, item, `${path}[${index}]`));
  }
  if (field.kind === "map") {
    if (!isObject(value)) return wrong("an object");
    return reasons(path, field.invalid?.(value));
  }
  if (fields !== null) return isObject(value) ? checkObject(fields, value, path) : wrong("an object");
  if (!isScalar(field.kind, value)) return wrong(SCALARS[field.kind] ?? field.kind);
  if (field.oneOf !== undefined && !field.oneOf.includes(String(value))) {
    return wrong(`one of ${field.oneOf.join(", ")}, but is "${String(value)}"`);
  }
  return reasons(path, field.invalid?.(value));
}

const SCALARS: Partial<Record<Field["kind"], string>> = {
  string: "a string",
  int: "a whole number",
  bool: "a boolean",
};

function isScalar(kind: Field["kind"], value: unknown): boolean {
  if (kind === "string") return ["string", "number", "boolean"].includes(typeof value);
  if (kind === "int")
    return Number.isSafeInteger(typeof value === "string" ? Number(value || Number.NaN) : value);
  return typeof value === "boolean" || value === "true" || value === "false";
}

function reasons(property: string, reason: string | null | undefined): CheckFailure[] {
  return reason === null || reason === undefined ? [] : [{ property, reason }];
}
