/**
 * One resource type of a plugin, free of gRPC. Values are plain JavaScript in which a secret is wrapped in
 * `Secret` and a value that is not known in a preview is `UNKNOWN`; `undefined` never appears in results.
 */
export type Properties = Record<string, unknown>;

/** Stands for a value that a preview cannot know yet. */
export const UNKNOWN: unique symbol = Symbol("unknown");

/** A value that the engine keeps encrypted in the state and masked on the screen. */
export class Secret<T = unknown> {
  readonly value: T;
  constructor(value: T) {
    this.value = value;
  }
}

/** What every operation gets beside its data. */
export interface Context {
  urn: string;
  /** Aborted when the engine cancels. Long work stops at the next safe place. */
  signal: AbortSignal;
  /** Seconds from `customTimeouts`; 0 means none given. */
  timeoutSeconds: number;
  /** A line in the resource's row on the screen; not kept. */
  status(line: string): void;
  /** A message that stays under the diagnostics. */
  log(severity: "debug" | "info" | "warning" | "error", message: string): void;
}

export interface CheckFailure {
  property: string;
  reason: string;
}

export type DiffKind = "add" | "add-replace" | "delete" | "delete-replace" | "update" | "update-replace";

export interface Diff {
  changes: boolean;
  /** Property paths (`rules[0].port`) whose change replaces the resource. */
  replaces: string[];
  deleteBeforeReplace: boolean;
  /** Property path to kind; null where the type gives none, as plugin-framework types. */
  detailed: Record<string, DiffKind> | null;
  /** The changed top-level properties; where it is left out they are those of `detailed`. */
  changed?: string[];
  /** Whether the paths are those of inputs (true where left out) or of outputs. */
  inputDiff?: boolean;
}

export interface ReadResult {
  id: string;
  inputs: Properties;
  outputs: Properties;
}

/** Thrown by create and update when something was made but is not whole: it stays in the state, `reasons` are shown. */
export class PartialFailure extends Error {
  readonly id: string;
  readonly outputs: Properties;
  readonly inputs: Properties;
  readonly reasons: string[];
  constructor(args: { id: string; inputs: Properties; outputs: Properties; reasons: string[] }) {
    super(args.reasons.join("\n"));
    this.name = "PartialFailure";
    this.id = args.id;
    this.inputs = args.inputs;
    this.outputs = args.outputs;
    this.reasons = args.reasons;
  }
}

/** How the project wants unnamed resources named (`pulumi:autonaming`); `disable`: a name must be given. */
export interface Autonaming {
  mode: "propose" | "enforce" | "disable";
  /** Empty with `disable`. */
  name: string;
}

export interface ResourceType {
  /** As `phasewise-native:index:Host` or `hcloud:index/server:Server`. */
  token: string;
  /** Names of outputs that are secret whatever the inputs were. */
  secretOutputs?: string[];
  check(
    ctx: Context,
    args: {
      /** Null for a new resource. */
      olds: Properties | null;
      news: Properties;
      /** The same in the preview and the update; empty where the engine gives none. */
      randomSeed: Uint8Array;
      /** Null: the type's own way. */
      autonaming: Autonaming | null;
    },
  ): Promise<{ inputs: Properties; failures: CheckFailure[] }>;
  diff(
    ctx: Context,
    args: {
      id: string;
      oldInputs: Properties;
      oldOutputs: Properties;
      newInputs: Properties;
      ignoreChanges: string[];
    },
  ): Promise<Diff>;
  /**
   * With `preview` set nothing may be made: known outputs are returned, the others as `UNKNOWN`, and an empty id
   * stands for one that is not known yet.
   */
  create(
    ctx: Context,
    args: { inputs: Properties; preview: boolean },
  ): Promise<{ id: string; outputs: Properties }>;
  update(
    ctx: Context,
    args: {
      id: string;
      oldInputs: Properties;
      oldOutputs: Properties;
      newInputs: Properties;
      preview: boolean;
    },
  ): Promise<{ outputs: Properties }>;
  /** Null: it is gone. `inputs` and `outputs` are null for an import. */
  read(
    ctx: Context,
    args: { id: string; inputs: Properties | null; outputs: Properties | null },
  ): Promise<ReadResult | null>;
  delete(ctx: Context, args: { id: string; inputs: Properties; outputs: Properties }): Promise<void>;
}

/** A plugin: its package, its configuration, its types. */
export interface Plugin {
  name: string;
  version: string;
  resources: ResourceType[];
  /** Validates the provider's own configuration; the package's stack config arrives as strings. */
  checkConfig?(config: Properties): Promise<{ config: Properties; failures: CheckFailure[] }>;
  configure?(config: Properties): Promise<void>;
  /** Called when the engine cancels or ends. */
  close?(): Promise<void>;
}
