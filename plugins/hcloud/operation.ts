import { type Properties, UNKNOWN } from "../server/resource.ts";
import { unwrap } from "../server/values.ts";
import type { Api } from "./api/client.ts";
import type { HcloudType, Values } from "./schema.ts";
import { changed } from "./values/plan.ts";

/** One call of a resource type, with the values that it needs. */
export interface Operation {
  api: Api;
  urn: string;
  /** Empty in a create until `made` is called. */
  id: string;
  /** What is to be, in create and update; what is known to be, in read and delete. Unset is null. */
  values: Values;
  /** What there was before an update, else empty. */
  prior: Values;
  /** An input as it was given, where `values` only keeps a form of it. */
  plain(property: string): unknown;
  /** In an update, whether one of these properties is to change, be it to a value still to be found. */
  changes(...properties: string[]): boolean;
  /** As `changes`, for values that are known. */
  asks(...properties: string[]): boolean;
  /** Keeps the id of what a create has made, so that nothing is lost if a later call fails. */
  made(id: string | number): void;
  warn(message: string): void;
}

/** Puts an operation together. */
export function operation(args: {
  type: HcloudType;
  api: Api;
  urn: string;
  id?: string;
  values: Values;
  /** The plan before `settled`, which tells a value still to be found from none; with `prior` in an update. */
  planned?: Values;
  prior?: Values;
  inputs?: Properties;
  warn: (message: string) => void;
}): Operation {
  const { type, api, urn, values, planned, warn } = args;
  const prior = args.prior ?? {};
  const result: Operation = {
    api,
    urn,
    id: args.id ?? "",
    values,
    prior,
    plain: (name) => unwrap(args.inputs?.[name]) ?? null,
    changes: (...names) => planned !== undefined && names.some((name) => changed(type, name, prior, planned)),
    asks: (...names) => names.some((name) => planned?.[name] !== UNKNOWN && result.changes(name)),
    made: (id) => {
      result.id = String(id);
    },
    warn,
  };
  return result;
}
