import { type Properties, UNKNOWN } from "../../server/resource.ts";
import { isObject, unwrap } from "../../server/values.ts";
import {
  type Field,
  type Fields,
  fieldsOf,
  type HcloudType,
  type Scalar,
  type Values,
  zero,
} from "../schema.ts";
import { equal, fits } from "./equal.ts";

/**
 * What the resource is to be: what is given, else the default, else what it is already (`prior`, null for a new
 * one), else, where the provider fills it in, `UNKNOWN`. Lists and sets keep the order in which they are given.
 * Where what is wanted means the same as what there is, what there is is kept as it is.
 */
export function plan(type: HcloudType, prior: Values | null, inputs: Properties): Values {
  const planned: Values = {};
  for (const [name, field] of Object.entries(type.fields)) {
    planned[name] = planField(
      type,
      field,
      unwrap(inputs[name]),
      prior === null ? undefined : (prior[name] ?? null),
    );
  }
  if (prior !== null && Object.keys(type.fields).some((name) => changed(type, name, prior, planned))) {
    for (const [name, field] of Object.entries(type.fields)) {
      if (field.unknownOnUpdate && !isGiven(inputs[name])) planned[name] = UNKNOWN;
    }
  }
  return planned;
}

/** Whether the plan asks for another value than there is. */
export function changed(type: HcloudType, name: string, prior: Values, planned: Values): boolean {
  const field = type.fields[name];
  return field !== undefined && !means(type, field, prior[name] ?? null, planned[name]);
}

/** The plan as a call uses it: what is still open is not set. */
export function settled(type: HcloudType, planned: Values): Values {
  return Object.fromEntries(
    Object.entries(type.fields).map(([name, field]) => [name, settle(type, field, planned[name])]),
  );
}

/** `prior` is undefined for a new resource. */
function planField(type: HcloudType, field: Field, given: unknown, prior: unknown): unknown {
  if (isGiven(given) && field.output !== true) {
    const value = planValue(type, field, given, prior ?? null);
    return prior !== undefined && means(type, field, prior, value) ? prior : value;
  }
  if (field.default !== undefined) {
    return prior !== undefined && means(type, field, prior, field.default) ? prior : field.default;
  }
  if (field.computed) return prior === undefined ? UNKNOWN : prior;
  if (prior === undefined || prior === null || means(type, field, prior, null))
    return prior ?? nothing(type, field);
  return type.flavour === "sdk" && isCollection(field) ? zero(field) : null;
}

function planValue(type: HcloudType, field: Field, given: unknown, prior: unknown): unknown {
  if (given === UNKNOWN) return UNKNOWN;
  const value = field.stored === undefined ? given : field.stored(given);
  switch (field.kind) {
    case "map":
      return isObject(value)
        ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, scalar("string", item)]))
        : value;
    case "list":
      return planElements(type, field, value, (index) => (Array.isArray(prior) ? prior[index] : undefined));
    case "set":
      return matched(
        field,
        planElements(type, field, value, () => undefined),
        prior,
      );
    case "single":
      return planElements(type, field, [value], (index) => (Array.isArray(prior) ? prior[index] : undefined));
    case "object":
      return isObject(value) ? planObject(type, fieldsOf(field) ?? {}, value, prior) : value;
    default:
      return scalar(field.kind, value);
  }
}

function planElements(
  type: HcloudType,
  field: Field,
  value: unknown,
  prior: (index: number) => unknown,
): unknown {
  if (!Array.isArray(value)) return value;
  const fields = fieldsOf(field);
  return value.map((element, index) => {
    if (element === UNKNOWN) return UNKNOWN;
    if (fields === null) return scalar(field.of as Scalar, element);
    return isObject(element) ? planObject(type, fields, element, prior(index)) : element;
  });
}

function planObject(type: HcloudType, fields: Fields, given: Properties, prior: unknown): Values {
  const planned: Values = {};
  for (const [name, field] of Object.entries(fields)) {
    const before = isObject(prior) ? (prior[name] ?? null) : null;
    if (isGiven(given[name])) planned[name] = planValue(type, field, given[name], before);
    else if (field.default !== undefined) planned[name] = field.default;
    else if (field.computed) planned[name] = isObject(prior) ? before : UNKNOWN;
    else planned[name] = type.flavour === "sdk" ? zero(field) : null;
  }
  return planned;
}

/**
 * Puts an existing element in the place of each planned one that only leaves open what the existing one has. Those
 * that leave least open choose first: one that leaves much open could take what only another fits.
 */
function matched(field: Field, planned: unknown, prior: unknown): unknown {
  if (!Array.isArray(planned) || !Array.isArray(prior)) return planned;
  const free = [...prior];
  const result = [...planned];
  for (const place of [...planned.keys()].sort((a, b) => openIn(planned[a]) - openIn(planned[b]))) {
    const index = free.findIndex((existing) => fits(field, planned[place], existing));
    if (index >= 0) result[place] = free.splice(index, 1)[0];
  }
  return result;
}

/** How many values in it are not known yet. */
function openIn(value: unknown): number {
  if (value === UNKNOWN) return 1;
  if (typeof value !== "object" || value === null) return 0;
  return Object.values(value).reduce<number>((sum, inner) => sum + openIn(inner), 0);
}

/** Whether two values of a field mean the same: unset is the same as empty or zero for the SDK's types. */
function means(type: HcloudType, field: Field, left: unknown, right: unknown): boolean {
  const unset = type.flavour === "sdk" ? zero(field) : null;
  return equal(field, left ?? unset, right ?? unset);
}

function settle(type: HcloudType, field: Field, value: unknown): unknown {
  if (value === UNKNOWN || value === undefined) return nothing(type, field);
  const fields = fieldsOf(field);
  if (fields === null || value === null) return value;
  const inner = (element: unknown): unknown => {
    if (!isObject(element)) return element;
    return Object.fromEntries(
      Object.entries(fields).map(([name, nested]) => {
        const item = element[name];
        if (item !== UNKNOWN && item !== undefined) return [name, settle(type, nested, item)];
        return [name, type.flavour === "sdk" ? zero(nested) : null];
      }),
    );
  };
  return Array.isArray(value) ? value.map(inner) : inner(value);
}

/** Blocks that may come more than once are never null in Terraform's SDK. */
function nothing(type: HcloudType, field: Field): unknown {
  return type.flavour === "sdk" && field.kind === "set" && fieldsOf(field) !== null ? [] : null;
}

/** The official plugin accepts numbers as texts and the other way round. */
function scalar(kind: Scalar, value: unknown): unknown {
  if (value === UNKNOWN || value === null) return value;
  if (kind === "string") return typeof value === "string" ? value : String(value);
  if (kind === "int" && typeof value === "string" && /^-?\d+$/.test(value)) return Number(value);
  if (kind === "bool" && (value === "true" || value === "false")) return value === "true";
  return value;
}

export function isCollection(field: Field): boolean {
  return field.kind === "map" || field.kind === "list" || field.kind === "set" || field.kind === "single";
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}
