import { createHash, randomBytes } from "node:crypto";
import type { Autonaming, CheckFailure, Properties } from "../../server/resource.ts";
import { Secret } from "../../server/resource.ts";
import { isObject, same, unwrap, unwrapProperties } from "../../server/values.ts";
import { type Field, type Fields, fieldsOf, type HcloudType, zero } from "../schema.ts";
import { invalidInputs } from "./validate.ts";

/** The names of the properties that the plugin filled in; kept in the inputs of the SDK's types. */
const DEFAULTS = "__defaults";
/** Length of the random end of an automatic name, and the longest name, as the official plugin has them. */
const RANDOM_LENGTH = 7;
const LONGEST_NAME = 255;

/** Checks inputs and completes them: names, and the `__defaults` lists of the SDK's types. */
export function checkInputs(
  type: HcloudType,
  args: {
    urn: string;
    olds: Properties | null;
    news: Properties;
    randomSeed: Uint8Array;
    autonaming: Autonaming | null;
  },
): { inputs: Properties; failures: CheckFailure[] } {
  const given = type.prepare?.(args.news) ?? args.news;
  const failures: CheckFailure[] = [];
  const inputs: Properties = {};
  for (const [name, value] of Object.entries(given)) {
    if (value !== undefined && value !== null && !name.startsWith("__")) inputs[name] = value;
  }
  const defaults: string[] = [];
  for (const [name, field] of Object.entries(type.fields)) {
    if (field.autoName !== true || inputs[name] !== undefined) continue;
    const named = automaticName(type, name, args);
    if (typeof named === "string") inputs[name] = named;
    else failures.push(named);
    defaults.push(name);
  }
  failures.push(...invalidInputs(type, inputs));
  return { inputs: type.flavour === "sdk" ? withDefaults(type.fields, inputs, defaults) : inputs, failures };
}

/** Whether the name was given in the program: an SDK type with such a name is deleted before it is replaced. */
export function isNamed(type: HcloudType, inputs: Properties): boolean {
  const defaults = inputs[DEFAULTS];
  if (!Array.isArray(defaults)) return false;
  return Object.entries(type.fields).some(
    ([name, field]) => field.autoName === true && inputs[name] !== undefined && !defaults.includes(name),
  );
}

/**
 * The inputs after a refresh: those that there were, with the values that are there now. Lists of filled-in
 * properties stay only where they name one that is unchanged.
 */
export function refreshedInputs(type: HcloudType, old: Properties, outputs: Properties): Properties {
  return refreshObject(type.fields, old, unwrapProperties(outputs));
}

/** The inputs of an imported resource: all that can be an input and says something. */
export function importedInputs(type: HcloudType, outputs: Properties): Properties {
  return importObject(type, type.fields, outputs);
}

function automaticName(
  type: HcloudType,
  property: string,
  args: { urn: string; olds: Properties | null; randomSeed: Uint8Array; autonaming: Autonaming | null },
): string | CheckFailure {
  const old = unwrap(args.olds?.[property]);
  const filledIn = args.olds?.[DEFAULTS];
  const kept = type.flavour === "framework" || (Array.isArray(filledIn) && filledIn.includes(property));
  if (typeof old === "string" && kept) return old;
  if (args.autonaming?.mode === "disable") {
    return {
      property,
      reason: "Automatic naming is disabled but no explicit name was provided: give a name.",
    };
  }
  if (args.autonaming !== null) {
    if (args.autonaming.name.length <= LONGEST_NAME) return args.autonaming.name;
    return {
      property,
      reason: `The name "${args.autonaming.name}" is longer than ${LONGEST_NAME} characters.`,
    };
  }
  const prefix = args.urn.split("::").at(-1) ?? "";
  // The same seed gives the same name in a preview and in the update that follows it.
  const seed = args.randomSeed.length > 0 ? args.randomSeed : randomBytes(32);
  const random = createHash("sha256").update(seed).digest("hex").slice(0, RANDOM_LENGTH);
  return `${prefix.slice(0, LONGEST_NAME - RANDOM_LENGTH - 1)}-${random}`;
}

function withDefaults(fields: Fields, given: Properties, defaults: string[]): Properties {
  const result: Properties = { [DEFAULTS]: defaults };
  for (const [name, value] of Object.entries(given)) {
    if (name !== DEFAULTS)
      result[name] = fields[name] === undefined ? value : nestedDefaults(fields[name], value);
  }
  return result;
}

function nestedDefaults(field: Field, value: unknown): unknown {
  if (value instanceof Secret) return new Secret(nestedDefaults(field, value.value));
  const fields = fieldsOf(field);
  if (fields === null) return value;
  if (Array.isArray(value))
    return value.map((element) => nestedDefaults({ kind: "object", of: fields }, element));
  return isObject(value) ? withDefaults(fields, value, []) : value;
}

function refreshObject(fields: Fields, old: Properties, now: Properties): Properties {
  const result: Properties = {};
  const unchanged = new Set<string>();
  for (const [name, value] of Object.entries(old)) {
    if (name === DEFAULTS || !(name in now)) continue;
    result[name] = refreshValue(fields[name] ?? { kind: "string" }, value, now[name]);
    if (same(result[name], value)) unchanged.add(name);
  }
  const defaults = old[DEFAULTS];
  const kept = Array.isArray(defaults) ? defaults.filter((name) => unchanged.has(String(name))) : [];
  return kept.length > 0 ? { ...result, [DEFAULTS]: kept } : result;
}

function refreshValue(field: Field, old: unknown, now: unknown): unknown {
  if (old instanceof Secret) return new Secret(refreshValue(field, old.value, now));
  if (now === null || (field.stored !== undefined && same(field.stored(old), now))) return stripDefaults(old);
  const fields = fieldsOf(field);
  if (field.kind === "map" && isObject(old) && isObject(now)) {
    return Object.fromEntries(
      Object.keys(old)
        .filter((key) => key in now)
        .map((key) => [key, now[key]]),
    );
  }
  if (fields !== null && isObject(old) && isObject(now)) return refreshObject(fields, old, now);
  if (Array.isArray(old) && Array.isArray(now)) return refreshElements(field, old, now);
  return now;
}

function refreshElements(field: Field, old: unknown[], now: unknown[]): unknown[] {
  const element: Field = { kind: "object", of: field.of };
  const free = [...now];
  return old.flatMap((item, index) => {
    const match = field.kind === "set" ? free.findIndex((other) => covers(item, other)) : index;
    if (match < 0 || match >= free.length) return [];
    const [found] = field.kind === "set" ? free.splice(match, 1) : [free[match]];
    return [refreshValue(element, item, found)];
  });
}

/** Whether an element of a set has all that was given for it. */
function covers(given: unknown, found: unknown): boolean {
  if (!isObject(given) || !isObject(found)) return same(given, found);
  return Object.entries(given).every(([name, value]) => {
    if (name === DEFAULTS) return true;
    const other = found[name];
    if (!Array.isArray(value) || !Array.isArray(other)) return same(value, other);
    return (
      value.length === other.length && value.every((item) => other.some((element) => same(item, element)))
    );
  });
}

function stripDefaults(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(stripDefaults);
  if (!isObject(value)) return value;
  const entries = Object.entries(value).filter(([name]) => name !== DEFAULTS);
  return Object.fromEntries(entries.map(([name, item]) => [name, stripDefaults(item)]));
}

function importObject(type: HcloudType, fields: Fields, outputs: Properties): Properties {
  const result: Properties = type.flavour === "sdk" ? { [DEFAULTS]: [] } : {};
  for (const [name, field] of Object.entries(fields)) {
    const value = outputs[name];
    if (field.output === true || value === undefined || value === null) continue;
    const nested = fieldsOf(field);
    const element = (item: unknown) =>
      nested !== null && isObject(item) ? importObject(type, nested, item) : item;
    const input = Array.isArray(value) ? value.map(element) : element(value);
    if (field.required === true || !isEmpty(field, unwrap(input))) result[name] = input;
  }
  return result;
}

function isEmpty(field: Field, value: unknown): boolean {
  if (field.default !== undefined) return same(value, field.default);
  return same(value, zero(field)) || (isObject(value) && Object.keys(value).every((key) => key === DEFAULTS));
}
