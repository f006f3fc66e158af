import type { CheckFailure, Properties } from "../server/resource.ts";
import type { Operation } from "./operation.ts";

export type Scalar = "string" | "int" | "bool";
export type Fields = Record<string, Field>;

/** One property of a resource type, or of an object inside one. */
export interface Field {
  /**
   * `single`: at most one object, shown flat (Terraform keeps it as a list of at most one element).
   * `object`: an object in both worlds. `map`: string to string.
   */
  kind: Scalar | "map" | "list" | "set" | "single" | "object";
  /** The element of a list or set, the fields of a `single` or an `object`. */
  of?: Scalar | Fields;
  /** Must be given. */
  required?: boolean;
  /** Filled by the provider where nothing is given; with `output` only ever by it. */
  computed?: boolean;
  /** No input. */
  output?: boolean;
  /** A change replaces the resource. */
  replaces?: boolean;
  default?: unknown;
  /** Named after the resource, with a random end, where no name is given. */
  autoName?: boolean;
  /** Counts as changed in every update that does not give it (framework types without UseStateForUnknown). */
  unknownOnUpdate?: boolean;
  /** Terraform's name where it is not the property's in snake case. */
  tfName?: string;
  oneOf?: readonly string[];
  /** What is stored and compared instead of what is given; must not change its own results. */
  stored?: (value: unknown) => unknown;
  /** What is wrong with a known value of the right kind, or null. */
  invalid?: (value: unknown) => string | null;
}

/** A resource's values by property; a `single` is null, [] or [object]. Unset is null. */
export type Values = Record<string, unknown>;

/** What a read found; an id is given where it differs from the one that was asked for. */
export interface Found {
  id?: string;
  values: Values;
}

/**
 * One resource type: its table of fields and its calls. The two flavours are the two frameworks that the
 * official provider's types are written in; they differ in what they store and how they replace.
 */
export interface HcloudType {
  token: string;
  flavour: "sdk" | "framework";
  fields: Fields;
  /** The id is a number in Terraform's state. */
  numericId?: boolean;
  /** Default of `customTimeouts.create`, in minutes, where it is not 20; it is then stored in `__meta`. */
  createMinutes?: number;
  /** Adds to the inputs before they are checked. */
  prepare?(inputs: Properties): Properties;
  /** Faults between fields that are right one by one; secrets are unwrapped, values may be `UNKNOWN`. */
  faults?(inputs: Properties): CheckFailure[];
  /** As `faults`, for what is only worth a warning. */
  warnings?(inputs: Properties): string[];
  /** Changes a plan where an existing resource contradicts it; gives the fields that replace it. */
  adjust?(prior: Values, plan: Values, warn: (message: string) => void): string[];
  /** Gives what the API says about the new resource; calls `op.made(id)` as soon as it exists. */
  create(op: Operation): Promise<Values>;
  /** Null: it is gone. `op.known` is empty in an import. */
  read(op: Operation): Promise<Found | null>;
  /** Absent: the type can only be replaced. */
  update?(op: Operation): Promise<Values>;
  delete(op: Operation): Promise<void>;
}

type Options = Omit<Field, "kind" | "of">;

export const string = (options: Options = {}): Field => ({ kind: "string", ...options });
export const int = (options: Options = {}): Field => ({ kind: "int", ...options });
export const bool = (options: Options = {}): Field => ({ kind: "bool", ...options });
export const list = (of: Scalar | Fields, options: Options = {}): Field => ({ kind: "list", of, ...options });
export const set = (of: Scalar | Fields, options: Options = {}): Field => ({ kind: "set", of, ...options });
export const single = (of: Fields, options: Options = {}): Field => ({ kind: "single", of, ...options });
export const object = (of: Fields, options: Options = {}): Field => ({ kind: "object", of, ...options });
export const map = (options: Options = {}): Field => ({ kind: "map", ...options });

/** The fields of the elements, or of the one object, where there are any. */
export function fieldsOf(field: Field): Fields | null {
  return typeof field.of === "object" ? field.of : null;
}

/** Terraform's name of a property: `ipRange` is `ip_range`. */
export function tfName(name: string, field?: Field): string {
  return field?.tfName ?? name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** What Terraform's SDK takes for "not set". */
export function zero(field: Field): unknown {
  switch (field.kind) {
    case "string":
      return "";
    case "int":
      return 0;
    case "bool":
      return false;
    case "map":
      return {};
    case "object":
      return null;
    default:
      return [];
  }
}
