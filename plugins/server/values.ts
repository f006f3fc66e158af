import { type Properties, Secret, UNKNOWN } from "./resource.ts";

/** The value without any `Secret` around it or inside it. */
export function unwrap(value: unknown): unknown {
  if (value instanceof Secret) return unwrap(value.value);
  if (Array.isArray(value)) return value.map(unwrap);
  if (isObject(value)) return unwrapProperties(value);
  return value;
}

export function unwrapProperties(properties: Properties): Properties {
  return Object.fromEntries(Object.entries(properties).map(([key, value]) => [key, unwrap(value)]));
}

/** Whether a value that a preview cannot know is somewhere inside. */
export function hasUnknown(value: unknown): boolean {
  return some(value, (item) => item === UNKNOWN);
}

export function hasSecret(value: unknown): boolean {
  return some(value, (item) => item instanceof Secret);
}

/** The paths of all unknown values, as `rules[0].port`. */
export function unknownPaths(value: unknown, path = ""): string[] {
  if (value === UNKNOWN) return [path];
  if (value instanceof Secret) return unknownPaths(value.value, path);
  if (Array.isArray(value)) return value.flatMap((item, index) => unknownPaths(item, `${path}[${index}]`));
  if (isObject(value)) {
    return Object.entries(value).flatMap(([key, item]) => unknownPaths(item, joinPath(path, key)));
  }
  return [];
}

/** Wraps the named top-level values, those already wrapped, null ones and missing ones excepted. */
export function markSecrets(properties: Properties, names: Iterable<string>): Properties {
  const result = { ...properties };
  for (const name of names) {
    const value = result[name];
    if (value === undefined || value === null || value instanceof Secret) continue;
    result[name] = new Secret(unwrap(value));
  }
  return result;
}

/**
 * Marks in checked inputs what was secret in the given ones: a value that was given as a secret as a whole, else only
 * those parts of it that have a secret's text, so that what stands beside a secret (the address beside the key) stays
 * readable. Where a secret is not found again as it was given, all of its top-level value is one.
 */
export function markLike(properties: Properties, given: Properties): Properties {
  const result = { ...properties };
  for (const name of secretNames(given)) {
    const value = result[name];
    if (value === undefined || value === null || value instanceof Secret) continue;
    const inside = given[name] instanceof Secret ? null : markedInside(value, given[name]);
    result[name] = inside ?? new Secret(unwrap(value));
  }
  return result;
}

/** Null where not every secret inside `given` is found. */
function markedInside(value: unknown, given: unknown): unknown {
  if (hasUnreadableSecret(given)) return null;
  const texts = new Set(secretTexts(given));
  const result = withSecrets(value, texts);
  const found = new Set(secretTexts(result));
  return [...texts].every((text) => found.has(text)) ? result : null;
}

function withSecrets(value: unknown, texts: Set<string>): unknown {
  if (value instanceof Secret) return value;
  if (Array.isArray(value)) return value.map((item) => withSecrets(item, texts));
  if (isObject(value)) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withSecrets(item, texts)]));
  }
  const isText = typeof value === "string" || typeof value === "number";
  return isText && texts.has(String(value)) ? new Secret(value) : value;
}

/** Whether a secret holds something that has no text to be found by: what a preview cannot know, or a truth value. */
function hasUnreadableSecret(given: unknown): boolean {
  const isOpaque = (item: unknown) => item === UNKNOWN || typeof item === "boolean" || item === "";
  return some(given, (item) => item instanceof Secret && some(item.value, isOpaque));
}

/** Names of the top-level values that hold a secret. */
export function secretNames(properties: Properties): string[] {
  return Object.keys(properties).filter((name) => hasSecret(properties[name]));
}

/** Every string and number inside a `Secret`: what must not appear in a message. */
export function secretTexts(value: unknown, inside = false): string[] {
  if (value instanceof Secret) return secretTexts(value.value, true);
  if (Array.isArray(value)) return value.flatMap((item) => secretTexts(item, inside));
  if (isObject(value)) return Object.values(value).flatMap((item) => secretTexts(item, inside));
  return inside && (typeof value === "string" || typeof value === "number") ? [String(value)] : [];
}

/** Whether two values are the same; a secret equals its plain value, key order and `undefined` do not matter. */
export function same(left: unknown, right: unknown): boolean {
  const a = left instanceof Secret ? unwrap(left) : left;
  const b = right instanceof Secret ? unwrap(right) : right;
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, index) => same(item, b[index]));
  }
  if (isObject(a) && isObject(b)) {
    const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
    return [...keys].every((key) => same(a[key], b[key]));
  }
  return a === b;
}

export function isObject(value: unknown): value is Properties {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Secret);
}

/** `a.b`, or `a["b.c"]` where the key is no plain name. */
export function joinPath(path: string, key: string): string {
  if (!/^[\w-]+$/.test(key)) return `${path}["${key.replaceAll('"', '\\"')}"]`;
  return path === "" ? key : `${path}.${key}`;
}

function some(value: unknown, test: (value: unknown) => boolean): boolean {
  if (test(value)) return true;
  if (value instanceof Secret) return some(value.value, test);
  if (Array.isArray(value)) return value.some((item) => some(item, test));
  return isObject(value) && Object.values(value).some((item) => some(item, test));
}
