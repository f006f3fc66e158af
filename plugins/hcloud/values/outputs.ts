import { type Properties, Secret, UNKNOWN } from "../../server/resource.ts";
import { hasUnknown, isObject, unwrap } from "../../server/values.ts";
import { type Field, type Fields, fieldsOf, type HcloudType, type Values } from "../schema.ts";
import { ordered } from "./order.ts";
import { isCollection } from "./plan.ts";

/** How the official plugin gets from the state's outputs back to Terraform's own state. */
const DELTA = "__pulumi_raw_state_delta";
/** Terraform's private data; the key in it is the SDK's own for timeouts, in nanoseconds. */
const META = "__meta";
const TIMEOUTS_KEY = "e2bfb730-ecaa-11e6-8f88-34363bc7c4c0";

/** The outputs of a resource as the official plugin stores them. An id of null is not known yet. */
export function toOutputs(
  type: HcloudType,
  id: string | null,
  values: Values,
  timeoutSeconds = 0,
): Properties {
  const outputs: Properties = { id: id ?? UNKNOWN, ...shown(type, type.fields, values) };
  const meta = metaOf(type, timeoutSeconds);
  if (meta !== null) outputs[META] = meta;
  // The official plugin leaves the delta out where a value is unknown.
  if (!hasUnknown(outputs)) outputs[DELTA] = withId(type, objectDelta(type, type.fields, values));
  return outputs;
}

/** The values that outputs stand for. */
export function fromOutputs(type: HcloudType, outputs: Properties): Values {
  return hidden(type.fields, unwrap(outputs) as Properties, deltaProperties(unwrap(outputs[DELTA])));
}

function shown(type: HcloudType, fields: Fields, values: Values): Properties {
  const result: Properties = {};
  for (const [name, field] of Object.entries(fields)) {
    const value = showValue(type, field, values[name] ?? null);
    // The framework's types have no nulls in their outputs.
    if (value !== null || type.flavour === "sdk") result[name] = value;
  }
  return result;
}

function showValue(type: HcloudType, field: Field, value: unknown): unknown {
  const fields = fieldsOf(field);
  const element = (item: unknown) => (fields !== null && isObject(item) ? shown(type, fields, item) : item);
  if (field.kind === "single") return Array.isArray(value) ? element(value[0] ?? null) : value;
  if (field.kind === "set" && Array.isArray(value) && !hasUnknown(value))
    return ordered(field, value).map(element);
  if (Array.isArray(value)) return value.map(element);
  return field.kind === "object" ? element(value) : value;
}

type Delta = { [key: string]: unknown };

/** Says of each property what its plain form hides: a map, a list, a name, a null. */
function objectDelta(type: HcloudType, fields: Fields, values: Values): Delta {
  const properties: Delta = {};
  const renamed: Delta = {};
  for (const [name, field] of Object.entries(fields)) {
    const delta = valueDelta(type, field, values[name] ?? null);
    if (delta !== null) properties[name] = delta;
    if (field.tfName !== undefined) renamed[name] = field.tfName;
  }
  return {
    obj: {
      ...(Object.keys(properties).length > 0 && { ps: properties }),
      ...(Object.keys(renamed).length > 0 && { renamed }),
    },
  };
}

function valueDelta(type: HcloudType, field: Field, value: unknown): unknown {
  if (value === null) return type.flavour === "sdk" ? null : new Secret({ replace: { raw: null } });
  const fields = fieldsOf(field);
  if (field.kind === "map") return { map: {} };
  if (field.kind === "object") return objectDelta(type, fields ?? {}, value as Values);
  if (field.kind === "single") {
    const [inner] = value as Values[];
    return { plu: { i: inner === undefined ? {} : objectDelta(type, fields ?? {}, inner) } };
  }
  if (field.kind !== "list" && field.kind !== "set") return null;
  if (fields === null) return { arr: {} };
  const elements = field.kind === "set" ? ordered(field, value as unknown[]) : (value as unknown[]);
  const deltas = elements.map((element, index) => [index, objectDelta(type, fields, element as Values)]);
  return { arr: deltas.length === 0 ? {} : { el: Object.fromEntries(deltas) } };
}

function withId(type: HcloudType, delta: Delta): Delta {
  if (type.numericId !== true) return delta;
  const inner = delta.obj as { ps?: Delta };
  return { obj: { ...inner, ps: { id: { num: {} }, ...inner.ps } } };
}

function metaOf(type: HcloudType, timeoutSeconds: number): string | null {
  if (type.createMinutes === undefined) return null;
  const seconds = timeoutSeconds > 0 ? timeoutSeconds : type.createMinutes * 60;
  return JSON.stringify({ [TIMEOUTS_KEY]: { create: seconds * 1_000_000_000 } });
}

function hidden(fields: Fields, outputs: Properties, deltas: Delta): Values {
  return Object.fromEntries(
    Object.entries(fields).map(([name, field]) => [name, hide(field, outputs[name] ?? null, deltas[name])]),
  );
}

function hide(field: Field, value: unknown, delta: unknown): unknown {
  const fields = fieldsOf(field);
  if (field.kind === "single") {
    const plural = isObject(delta) && isObject(delta.plu) ? delta.plu : null;
    if (value === null) return plural === null ? null : [];
    return [isObject(value) && fields !== null ? hidden(fields, value, deltaProperties(plural?.i)) : value];
  }
  if (fields === null || value === null || !(isCollection(field) || field.kind === "object")) return value;
  const inner = (item: unknown) => (isObject(item) ? hidden(fields, item, {}) : item);
  return Array.isArray(value) ? value.map(inner) : inner(value);
}

function deltaProperties(delta: unknown): Delta {
  if (!isObject(delta) || !isObject(delta.obj) || !isObject(delta.obj.ps)) return {};
  return delta.obj.ps;
}
