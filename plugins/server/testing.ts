import { randomBytes } from "node:crypto";
import { type Diff, PartialFailure, type Properties, type ResourceType, UNKNOWN } from "./resource.ts";
import { markLike, markSecrets, secretNames } from "./values.ts";
import { decodeProperties, encodeProperties } from "./wire.ts";

/** What the engine would keep of a resource. */
export interface DrivenState {
  id: string;
  inputs: Properties;
  outputs: Properties;
  /** Reasons of a partial failure. */
  initErrors: string[];
}

/** What one `up` or `preview` did: the steps in their order, and the diff where there was something to compare. */
export interface DrivenStep {
  steps: ("create" | "update" | "delete" | "same")[];
  diff: Diff | null;
  /** Null after a preview's delete and after `destroy`. */
  outputs: Properties | null;
}

export interface DriveOptions {
  name?: string;
  deleteBeforeReplace?: boolean;
  timeoutSeconds?: number;
  signal?: AbortSignal;
  /** A state to start from, as another plugin or an earlier run left it. */
  state?: DrivenState;
  randomSeed?: Uint8Array;
}

/**
 * Drives one resource of a type as the engine does: check, diff, then create, update or replace, with everything
 * that crosses the border put through the protocol's encoding. Check failures and errors are thrown; a partial
 * failure is thrown too, after its state is kept.
 */
export function drive(type: ResourceType, options: DriveOptions = {}) {
  return new Driven(type, options);
}

export class Driven {
  state: DrivenState | null;
  /** Lines given to `status`, and messages given to `log` as `severity: message`. */
  readonly lines: string[] = [];
  readonly messages: string[] = [];
  readonly #type: ResourceType;
  readonly #options: DriveOptions;

  constructor(type: ResourceType, options: DriveOptions) {
    this.#type = type;
    this.#options = options;
    this.state = options.state ?? null;
  }

  get urn(): string {
    return `urn:pulumi:test::project::${this.#type.token}::${this.#options.name ?? "x"}`;
  }

  /** What an `up` would do; nothing may be made by it. */
  async preview(news: Properties): Promise<DrivenStep> {
    return await this.#apply(news, true);
  }

  async up(news: Properties): Promise<DrivenStep> {
    return await this.#apply(news, false);
  }

  /** Reads the resource; false means that it is gone. */
  async refresh(): Promise<boolean> {
    const state = this.#must();
    const found = await this.#type.read(this.#context(), {
      id: state.id,
      inputs: copy(state.inputs),
      outputs: copy(state.outputs),
    });
    this.state =
      found === null ? null : { ...this.#kept(found.id, found.inputs, found.outputs), initErrors: [] };
    return found !== null;
  }

  /** Reads a resource that the state does not know. */
  async import(id: string): Promise<boolean> {
    const found = await this.#type.read(this.#context(), { id, inputs: null, outputs: null });
    this.state = found === null ? null : this.#kept(found.id, found.inputs, found.outputs);
    return found !== null;
  }

  async destroy(): Promise<void> {
    const { id, inputs, outputs } = this.#must();
    await this.#type.delete(this.#context(), { id, inputs: copy(inputs), outputs: copy(outputs) });
    this.state = null;
  }

  async #apply(news: Properties, preview: boolean): Promise<DrivenStep> {
    const old = this.state;
    const inputs = await this.#check(old?.inputs ?? null, news);
    if (old === null) {
      return { steps: ["create"], diff: null, outputs: await this.#create(inputs, preview) };
    }
    const diff = await this.#type.diff(this.#context(), {
      id: old.id,
      oldInputs: copy(old.inputs),
      oldOutputs: copy(old.outputs),
      newInputs: copy(inputs),
      ignoreChanges: [],
    });
    if (diff.replaces.length > 0) {
      // The engine checks once more as for a new resource, so that automatic names are made anew.
      return await this.#replace(old, await this.#check(null, news), preview, diff);
    }
    // A resource with init errors is updated even where nothing changed.
    if (!diff.changes && old.initErrors.length === 0) {
      if (!preview) this.state = { ...old, inputs };
      return { steps: ["same"], diff, outputs: old.outputs };
    }
    return { steps: ["update"], diff, outputs: await this.#update(old, inputs, preview) };
  }

  async #check(olds: Properties | null, news: Properties): Promise<Properties> {
    const args = {
      olds: olds === null ? null : copy(olds),
      news: copy(news),
      randomSeed: this.#options.randomSeed ?? randomBytes(32),
      autonaming: null,
    };
    const checked = await this.#type.check(this.#context(), args);
    if (checked.failures.length > 0) {
      throw new Error(checked.failures.map(({ property, reason }) => `${property}: ${reason}`).join("\n"));
    }
    return copy(markLike(checked.inputs, news));
  }

  async #replace(old: DrivenState, inputs: Properties, preview: boolean, diff: Diff): Promise<DrivenStep> {
    const deleteFirst = diff.deleteBeforeReplace || this.#options.deleteBeforeReplace === true;
    const remove = async () => {
      const { id, outputs } = old;
      if (!preview) {
        await this.#type.delete(this.#context(), { id, inputs: copy(old.inputs), outputs: copy(outputs) });
      }
    };
    if (deleteFirst) await remove();
    const outputs = await this.#create(inputs, preview);
    if (!deleteFirst) await remove();
    return { steps: deleteFirst ? ["delete", "create"] : ["create", "delete"], diff, outputs };
  }

  async #create(inputs: Properties, preview: boolean): Promise<Properties> {
    const made = await this.#keepingPartial(() =>
      this.#type.create(this.#context(), { inputs: copy(inputs), preview }),
    );
    const kept = this.#kept(made.id, inputs, made.outputs);
    if (!preview) this.state = kept;
    return kept.outputs;
  }

  async #update(old: DrivenState, inputs: Properties, preview: boolean): Promise<Properties> {
    const made = await this.#keepingPartial(() =>
      this.#type.update(this.#context(), {
        id: old.id,
        oldInputs: copy(old.inputs),
        oldOutputs: copy(old.outputs),
        newInputs: copy(inputs),
        preview,
      }),
    );
    const kept = this.#kept(old.id, inputs, made.outputs);
    if (!preview) this.state = kept;
    return kept.outputs;
  }

  async #keepingPartial<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof PartialFailure) {
        this.state = {
          ...this.#kept(error.id, error.inputs, error.outputs),
          initErrors: error.reasons,
        };
      }
      throw error;
    }
  }

  #kept(id: string, inputs: Properties, outputs: Properties): DrivenState {
    const names = [...(this.#type.secretOutputs ?? []), ...secretNames(inputs)];
    return { id, inputs: copy(inputs), outputs: copy(markSecrets(outputs, names)), initErrors: [] };
  }

  #must(): DrivenState {
    if (this.state === null) throw new Error("There is no resource yet: call up or import first.");
    return this.state;
  }

  #context() {
    return {
      urn: this.urn,
      signal: this.#options.signal ?? new AbortController().signal,
      timeoutSeconds: this.#options.timeoutSeconds ?? 0,
      status: (line: string) => void this.lines.push(line),
      log: (severity: string, message: string) => void this.messages.push(`${severity}: ${message}`),
    };
  }
}

/** `UNKNOWN` under the name that tests use in expectations. */
export const unknown = UNKNOWN;

/** Through the protocol and back: what the other side would get. */
export function copy(values: Properties): Properties {
  return decodeProperties(encodeProperties(values));
}
