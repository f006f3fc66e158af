import { UNKNOWN } from "../../server/resource.ts";
import { isObject, same } from "../../server/values.ts";
import { type Field, fieldsOf } from "../schema.ts";

/** Whether two known values of a field are the same: the order in a set does not matter, at any depth. */
export function equal(field: Field, left: unknown, right: unknown): boolean {
  if (left === UNKNOWN || right === UNKNOWN) return false;
  if (Array.isArray(left) && Array.isArray(right)) {
    if (left.length !== right.length) return false;
    if (field.kind === "set") return pairs(left, right, (a, b) => equalElements(field, a, b));
    return left.every((item, index) => equalElements(field, item, right[index]));
  }
  return field.kind === "object" ? equalElements(field, left, right) : same(left, right);
}

/** Whether an existing element of a set has all that a planned one asks for; what is still open is not asked. */
export function fits(field: Field, planned: unknown, existing: unknown): boolean {
  const fields = fieldsOf(field);
  if (fields === null || !isObject(planned) || !isObject(existing))
    return equalElements(field, planned, existing);
  return Object.entries(fields).every(
    ([name, nested]) =>
      planned[name] === UNKNOWN || equal(nested, planned[name] ?? null, existing[name] ?? null),
  );
}

/** Whether two elements of a field, or two values of an object, are the same. */
export function equalElements(field: Field, left: unknown, right: unknown): boolean {
  const fields = fieldsOf(field);
  if (fields === null || !isObject(left) || !isObject(right)) {
    return left !== UNKNOWN && right !== UNKNOWN && same(left, right);
  }
  return Object.entries(fields).every(([name, nested]) =>
    equal(nested, left[name] ?? null, right[name] ?? null),
  );
}

/** Whether the lists can be paired off. */
function pairs(
  left: readonly unknown[],
  right: readonly unknown[],
  match: (a: unknown, b: unknown) => boolean,
): boolean {
  const free = [...right];
  return left.every((item) => {
    const index = free.findIndex((other) => match(item, other));
    if (index >= 0) free.splice(index, 1);
    return index >= 0;
  });
}
