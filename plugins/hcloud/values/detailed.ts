import { type DiffKind, UNKNOWN } from "../../server/resource.ts";
import { isObject, joinPath } from "../../server/values.ts";
import { type Field, type Fields, fieldsOf, type HcloudType, type Values } from "../schema.ts";
import { equalElements } from "./equal.ts";
import { changed } from "./plan.ts";

type Changes = Record<string, DiffKind>;

/**
 * The changes between what there is and the plan, by property path, as the official plugin shows them for its SDK
 * types: an element of a set by its place (a removed one by its place in the state, a new one by its place in the
 * inputs), or the whole set where a new element leaves fields out.
 */
export function detailedDiff(type: HcloudType, prior: Values, planned: Values): Changes {
  const changes: Changes = {};
  for (const [name, field] of Object.entries(type.fields)) {
    if (!changed(type, name, prior, planned)) continue;
    const found: Changes = {};
    compare(name, field, prior[name], planned[name], found);
    for (const [path, kind] of Object.entries(found)) {
      changes[path] = field.replaces ? (`${kind}-replace` as DiffKind) : kind;
    }
  }
  return changes;
}

function compare(path: string, field: Field, old: unknown, now: unknown, changes: Changes): void {
  const before = present(old) ? old : null;
  const after = present(now) ? now : null;
  if (before === null || after === null) {
    if (after !== null) changes[path] = "add";
    else if (before !== null) changes[path] = "delete";
    return;
  }
  if (after === UNKNOWN) changes[path] = "update";
  else if (field.kind === "map") compareMaps(path, before, after, changes);
  else if (field.kind === "set") compareSets(path, field, before as unknown[], after as unknown[], changes);
  else if (field.kind === "list") compareLists(path, field, before as unknown[], after as unknown[], changes);
  else if (field.kind === "single") {
    compareObjects(path, fieldsOf(field) ?? {}, (before as unknown[])[0], (after as unknown[])[0], changes);
  } else if (field.kind === "object") compareObjects(path, fieldsOf(field) ?? {}, before, after, changes);
  else if (before !== after) changes[path] = "update";
}

/** An empty list counts as not there, an empty map as there. */
function present(value: unknown): boolean {
  return value !== null && value !== undefined && !(Array.isArray(value) && value.length === 0);
}

function compareMaps(path: string, old: unknown, now: unknown, changes: Changes): void {
  if (!isObject(old) || !isObject(now)) return;
  for (const key of new Set([...Object.keys(old), ...Object.keys(now)])) {
    compare(joinPath(path, key), { kind: "string" }, old[key], now[key], changes);
  }
}

function compareObjects(path: string, fields: Fields, old: unknown, now: unknown, changes: Changes): void {
  if (!isObject(old) || !isObject(now)) {
    if (now === UNKNOWN) changes[path] = "update";
    return;
  }
  for (const [name, field] of Object.entries(fields)) {
    compare(joinPath(path, name), field, old[name], now[name], changes);
  }
}

/** Equal ends are left out; what is between them is compared by place. */
function compareLists(path: string, field: Field, old: unknown[], now: unknown[], changes: Changes): void {
  const shorter = Math.min(old.length, now.length);
  let start = 0;
  while (start < shorter && equalElements(field, old[start], now[start])) start++;
  let end = 0;
  while (end < shorter - start && equalElements(field, old[old.length - 1 - end], now[now.length - 1 - end]))
    end++;
  for (let index = start; index < Math.max(old.length, now.length) - end; index++) {
    const before = index < old.length - end ? old[index] : null;
    const after = index < now.length - end ? now[index] : null;
    compareElement(`${path}[${index}]`, field, before, after, changes);
  }
}

function compareSets(path: string, field: Field, old: unknown[], now: unknown[], changes: Changes): void {
  const removed = old.map((element) => !now.some((other) => equalElements(field, element, other)));
  const added = now.map((element) => !old.some((other) => equalElements(field, element, other)));
  if (now.some((element, index) => added[index] && leavesOut(field, element))) {
    changes[path] = "update";
    return;
  }
  for (let index = 0; index < Math.max(old.length, now.length); index++) {
    const before = removed[index] ? old[index] : null;
    const after = added[index] ? now[index] : null;
    compareElement(`${path}[${index}]`, field, before, after, changes);
  }
}

function compareElement(path: string, field: Field, before: unknown, after: unknown, changes: Changes): void {
  const fields = fieldsOf(field);
  if (fields !== null && isObject(before) && isObject(after))
    compareObjects(path, fields, before, after, changes);
  else compare(path, { kind: "string" }, before, after, changes);
}

/** Whether a planned element has a text or number that was not given: the official plugin then finds no match. */
function leavesOut(field: Field, element: unknown): boolean {
  const fields = fieldsOf(field);
  if (fields === null || !isObject(element)) return false;
  return Object.entries(fields).some(
    ([name, nested]) => !nested.computed && (element[name] === "" || element[name] === 0),
  );
}
