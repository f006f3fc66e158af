import { errorText } from "../server/errors.ts";
import {
  type Context,
  type Diff,
  PartialFailure,
  type Properties,
  type ReadResult,
  type ResourceType,
  UNKNOWN,
} from "../server/resource.ts";
import { hasUnknown, unwrapProperties } from "../server/values.ts";
import { Api, type ApiSettings } from "./api/client.ts";
import { operation } from "./operation.ts";
import type { Field, HcloudType, Values } from "./schema.ts";
import { detailedDiff } from "./values/detailed.ts";
import { checkInputs, importedInputs, isNamed, refreshedInputs } from "./values/inputs.ts";
import { ordered } from "./values/order.ts";
import { fromOutputs, toOutputs } from "./values/outputs.ts";
import { changed, isCollection, plan, settled } from "./values/plan.ts";

/** The default timeout of an operation in Terraform's SDK, in minutes. */
const DEFAULT_MINUTES = 20;

/** The engine: makes a resource type of the plugin server from a table entry. */
export function resourceType(type: HcloudType, settings: () => ApiSettings): ResourceType {
  const apiFor = (ctx: Context, minutes = DEFAULT_MINUTES): Api => {
    const seconds = ctx.timeoutSeconds > 0 ? ctx.timeoutSeconds : minutes * 60;
    return new Api(settings(), { signal: ctx.signal, deadline: Date.now() + seconds * 1000 });
  };
  return {
    token: type.token,
    async check(ctx, args) {
      const checked = checkInputs(type, { urn: ctx.urn, ...args });
      for (const warning of type.warnings?.(unwrapProperties(checked.inputs)) ?? [])
        ctx.log("warning", warning);
      return checked;
    },
    async diff(ctx, { oldOutputs, newInputs }) {
      return diffOf(type, fromOutputs(type, oldOutputs), newInputs, (message) => ctx.log("warning", message));
    },
    async create(ctx, { inputs, preview }) {
      const planned = plan(type, null, inputs);
      if (preview) return { id: "", outputs: toOutputs(type, null, planned, ctx.timeoutSeconds) };
      return await create(type, apiFor(ctx, type.createMinutes), ctx, inputs, planned);
    },
    async update(ctx, args) {
      const prior = fromOutputs(type, args.oldOutputs);
      const planned = plan(type, prior, args.newInputs);
      if (args.preview)
        return { outputs: { ...toOutputs(type, args.id, planned), ...metaOf(args.oldOutputs) } };
      return await update(type, apiFor(ctx), ctx, args, prior, planned);
    },
    async read(ctx, args) {
      return await read(type, apiFor(ctx), ctx, args);
    },
    async delete(ctx, { id, outputs }) {
      const values = fromOutputs(type, outputs);
      await type.delete(operation({ type, api: apiFor(ctx), urn: ctx.urn, id, values, warn: warnTo(ctx) }));
    },
  };
}

/** What an update would change, and whether it would replace the resource. */
export function diffOf(
  type: HcloudType,
  prior: Values,
  inputs: Properties,
  warn: (message: string) => void,
): Diff {
  const planned = plan(type, prior, inputs);
  const forced = type.adjust?.(prior, planned, warn) ?? [];
  const names = Object.keys(type.fields).filter((name) => changed(type, name, prior, planned));
  const replacing = names.filter((name) => type.fields[name]?.replaces || forced.includes(name)).sort();
  return {
    changes: names.length > 0,
    replaces: replacing,
    // A framework type is never deleted first, whatever the API will say about a second one of its name.
    deleteBeforeReplace: type.flavour === "sdk" && replacing.length > 0 && isNamed(type, inputs),
    detailed: type.flavour === "sdk" ? detailedDiff(type, prior, planned) : null,
    changed: names.sort(),
    inputDiff: false,
  };
}

async function create(type: HcloudType, api: Api, ctx: Context, inputs: Properties, planned: Values) {
  const values = settled(type, planned);
  const op = operation({ type, api, urn: ctx.urn, values, inputs, warn: warnTo(ctx) });
  try {
    const attributes = await type.create(op);
    return {
      id: op.id,
      outputs: toOutputs(type, op.id, applied(type, planned, attributes), ctx.timeoutSeconds),
    };
  } catch (error) {
    if (op.id === "") throw error;
    // It exists: the state has to know it, or nobody would ever delete it.
    const outputs = toOutputs(type, op.id, values, ctx.timeoutSeconds);
    throw new PartialFailure({ id: op.id, inputs, outputs, reasons: [errorText(error)] });
  }
}

async function update(
  type: HcloudType,
  api: Api,
  ctx: Context,
  args: { id: string; oldInputs: Properties; oldOutputs: Properties },
  prior: Values,
  planned: Values,
) {
  const { id } = args;
  const values = settled(type, planned);
  const op = operation({ type, api, urn: ctx.urn, id, values, planned, prior, warn: warnTo(ctx) });
  try {
    if (type.update === undefined) throw new Error("doesn't support update");
    const attributes = await type.update(op);
    return {
      outputs: { ...toOutputs(type, id, applied(type, planned, attributes)), ...metaOf(args.oldOutputs) },
    };
  } catch (error) {
    // The state keeps what was: the next diff finds again whatever was not reached.
    throw new PartialFailure({
      id,
      inputs: args.oldInputs,
      outputs: args.oldOutputs,
      reasons: [errorText(error)],
    });
  }
}

async function read(
  type: HcloudType,
  api: Api,
  ctx: Context,
  args: { id: string; inputs: Properties | null; outputs: Properties | null },
): Promise<ReadResult | null> {
  const prior = args.outputs === null ? blank(type) : fromOutputs(type, args.outputs);
  const op = operation({ type, api, urn: ctx.urn, id: args.id, values: prior, warn: warnTo(ctx) });
  const found = await type.read(op);
  if (found === null) return null;
  const id = found.id ?? args.id;
  const values = Object.fromEntries(
    Object.entries(type.fields).map(([name, field]) => [
      name,
      readValue(type, field, name, prior, found.values),
    ]),
  );
  const outputs = { ...toOutputs(type, id, values), ...metaOf(args.outputs ?? {}) };
  const inputs =
    args.inputs === null ? importedInputs(type, outputs) : refreshedInputs(type, args.inputs, outputs);
  return { id, inputs, outputs };
}

/**
 * What is stored after a create or an update: what the API says, except that nothing stays nothing where the API
 * only says "empty", and that a list or set that was given whole is kept as it was given.
 */
function applied(type: HcloudType, planned: Values, attributes: Values): Values {
  const plan = settled(type, planned);
  return Object.fromEntries(
    Object.entries(type.fields).map(([name, field]) => {
      if (!(name in attributes)) return [name, plan[name] ?? null];
      const value = attributes[name] ?? null;
      if (type.flavour === "framework" || !isCollection(field)) return [name, value ?? plan[name] ?? null];
      const open = planned[name] === UNKNOWN || hasUnknown(planned[name]) || field.output === true;
      if (!open && isEmpty(value) && isEmpty(plan[name])) return [name, plan[name] ?? null];
      const whole = !open && (field.kind === "list" || field.kind === "set") && plan[name] !== null;
      return [name, whole ? plan[name] : value];
    }),
  );
}

function readValue(type: HcloudType, field: Field, name: string, prior: Values, found: Values): unknown {
  const value = name in found ? (found[name] ?? null) : (prior[name] ?? null);
  // Terraform's SDK reads a block that is not there as an empty one.
  if (value === null && type.flavour === "sdk" && (field.kind === "single" || isBlockSet(field))) return [];
  return field.kind === "set" && Array.isArray(value) ? ordered(field, value) : value;
}

function isBlockSet(field: Field): boolean {
  return field.kind === "set" && typeof field.of === "object";
}

function blank(type: HcloudType): Values {
  return Object.fromEntries(Object.keys(type.fields).map((name) => [name, null]));
}

function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined) return true;
  return Array.isArray(value)
    ? value.length === 0
    : typeof value === "object" && Object.keys(value).length === 0;
}

function metaOf(outputs: Properties): Properties {
  return outputs.__meta === undefined ? {} : { __meta: outputs.__meta };
}

function warnTo(ctx: Context) {
  return (message: string): void => ctx.log("warning", message);
}
