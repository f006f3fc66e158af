import type { DynamicConfiguration } from "../../../clients/patroni.ts";
import { isObject } from "../../server/values.ts";

/**
 * Pure questions about Patroni's dynamic configuration. The declaration owns `postgresql.parameters` whole: a
 * parameter that it does not name is removed. Of all else it owns the keys that it names or named before; others,
 * as `pause`, belong to operations.
 */

type Parameters = Record<string, unknown>;

/**
 * The patch that brings `actual` to `wanted`, null where nothing differs. `previous` is the declaration before:
 * what it named and `wanted` does not is removed.
 */
export function configurationPatch(
  actual: DynamicConfiguration,
  wanted: DynamicConfiguration,
  previous: DynamicConfiguration,
): DynamicConfiguration | null {
  const patch = difference(actual, wanted, previous, []);
  return Object.keys(patch).length === 0 ? null : patch;
}

/** The patch that takes `patch` back: applied to what `actual` has become by it, it gives `actual` again. */
export function inversePatch(
  actual: DynamicConfiguration,
  patch: DynamicConfiguration,
): DynamicConfiguration {
  const inverse: DynamicConfiguration = {};
  for (const [key, value] of Object.entries(patch)) {
    const before = actual[key];
    inverse[key] = isObject(value) && isObject(before) ? inversePatch(before, value) : (before ?? null);
  }
  return inverse;
}

/** The settings that a patch sets, and those that it puts back to their defaults. */
export function changedParameters(patch: DynamicConfiguration): { set: Parameters; reset: string[] } {
  const postgresql = isObject(patch.postgresql) ? patch.postgresql : {};
  const entries = Object.entries(isObject(postgresql.parameters) ? postgresql.parameters : {});
  return {
    set: Object.fromEntries(entries.filter(([, value]) => value !== null)),
    reset: entries.filter(([, value]) => value === null).map(([name]) => name),
  };
}

/** `actual` as far as the declaration `wanted` owns it: what a refresh stores. */
export function ownedConfiguration(
  actual: DynamicConfiguration,
  wanted: DynamicConfiguration,
): DynamicConfiguration {
  return owned(actual, wanted, []);
}

function owned(actual: Parameters, wanted: Parameters, path: string[]): Parameters {
  if (isParameters(path)) {
    return Object.fromEntries(
      Object.entries(actual).map(([key, value]) => [key, sameText(value, wanted[key]) ? wanted[key] : value]),
    );
  }
  const result: Parameters = {};
  for (const [key, value] of Object.entries(wanted)) {
    const found = actual[key];
    if (found === undefined) {
      if (isObject(value) && Object.keys(value).length === 0) result[key] = {};
      continue;
    }
    result[key] =
      isObject(value) && isObject(found)
        ? owned(found, value, [...path, key])
        : sameText(found, value)
          ? value
          : found;
  }
  return result;
}

function difference(
  actual: Parameters,
  wanted: Parameters,
  previous: Parameters,
  path: string[],
): Parameters {
  const patch: Parameters = {};
  for (const [key, value] of Object.entries(wanted)) {
    const found = actual[key];
    if (isObject(value)) {
      const before = previous[key];
      const inner = difference(isObject(found) ? found : {}, value, isObject(before) ? before : {}, [
        ...path,
        key,
      ]);
      if (Object.keys(inner).length > 0) patch[key] = inner;
    } else if (!sameText(found, value)) {
      patch[key] = value;
    }
  }
  const surplus = isParameters(path) ? Object.keys(actual) : Object.keys(previous);
  for (const key of surplus) {
    if (!(key in wanted) && actual[key] !== undefined && actual[key] !== null) patch[key] = null;
  }
  return patch;
}

function isParameters(path: string[]): boolean {
  return path.length === 2 && path[0] === "postgresql" && path[1] === "parameters";
}

/** As Patroni compares: 100 and "100" are the same; true is "on" too. Lists are compared as JSON. */
function sameText(left: unknown, right: unknown): boolean {
  if (left === undefined || right === undefined) return left === right;
  if (typeof left === "object" || typeof right === "object")
    return JSON.stringify(left) === JSON.stringify(right);
  if (typeof left === "boolean" || typeof right === "boolean") return truth(left) === truth(right);
  return String(left) === String(right);
}

/** A file in YAML 1.1 turns `on` into true; PostgreSQL takes any of these. */
function truth(value: unknown): string {
  const text = String(value).toLowerCase();
  if (["true", "on", "yes", "1"].includes(text)) return "on";
  return ["false", "off", "no", "0"].includes(text) ? "off" : text;
}
