import { AsyncLocalStorage } from "node:async_hooks";
import { errorText } from "./errors.ts";
import { PartialFailure } from "./resource.ts";

/** How long an operation may go on after an error was thrown outside its promise, in milliseconds. */
const GRACE = 10_000;

interface Operation {
  abort: AbortController;
  /** Errors thrown outside the operation's promise, on its behalf. */
  stray: Error[];
  /** Ends the wait for the operation's own promise. */
  giveUp: (error: Error) => void;
}

/**
 * The operations in flight, so that cancelling reaches all of them and no error is lost: what is thrown outside
 * the promise of an operation (in a timer, in an event handler) fails the operation that it belongs to.
 */
export class Operations {
  readonly #running = new Set<Operation>();
  readonly #current = new AsyncLocalStorage<Operation>();
  readonly #idle: (() => void)[] = [];
  readonly #grace: number;
  /** Errors that came while nothing was running; the next operation reports them. */
  readonly #unclaimed: Error[] = [];
  #cancelled = false;

  constructor(grace = GRACE) {
    this.#grace = grace;
  }

  /** Runs `work`; its signal is aborted by `cancel` and by a stray error. */
  async run<T>(
    work: (signal: AbortSignal) => Promise<T>,
    partial?: (result: T) => PartialFailure,
  ): Promise<T> {
    if (this.#unclaimed.length > 0) throw unexpected(this.#unclaimed.splice(0));
    const { promise: givenUp, reject } = Promise.withResolvers<never>();
    const operation: Operation = { abort: new AbortController(), stray: [], giveUp: reject };
    if (this.#cancelled) operation.abort.abort();
    this.#running.add(operation);
    try {
      const result = await Promise.race([
        this.#current.run(operation, () => work(operation.abort.signal)),
        givenUp,
      ]);
      if (operation.stray.length > 0) throw withStray(operation.stray, partial?.(result));
      return result;
    } catch (error) {
      if (operation.stray.length === 0 || error instanceof PartialFailure || error instanceof Unexpected)
        throw error;
      throw new Error([error, ...operation.stray].map(errorText).join("\n"), { cause: error });
    } finally {
      this.#running.delete(operation);
      if (this.#running.size === 0) for (const resolve of this.#idle.splice(0)) resolve();
    }
  }

  /** Aborts the signals of all operations, running and to come. */
  cancel(): void {
    this.#cancelled = true;
    for (const operation of this.#running) operation.abort.abort();
  }

  /** Resolves when nothing is running. */
  async idle(): Promise<void> {
    if (this.#running.size > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /**
   * Takes an error that nobody caught. Where it cannot be told to whom it belongs, every running operation
   * fails with it: each is allowed a grace period to come to its own end, so that what it made stays known.
   */
  stray(thrown: unknown): void {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    const owner = this.#current.getStore();
    const owners = owner !== undefined && this.#running.has(owner) ? [owner] : [...this.#running];
    if (owners.length === 0) this.#unclaimed.push(error);
    for (const operation of owners) {
      operation.stray.push(error);
      operation.abort.abort(error);
      setTimeout(() => operation.giveUp(unexpected(operation.stray)), this.#grace).unref();
    }
  }
}

class Unexpected extends Error {}

function unexpected(errors: Error[]): Unexpected {
  const texts = errors.map(errorText).join("\n");
  return new Unexpected(`The plugin met an error that it did not expect: ${texts}`, { cause: errors[0] });
}

function withStray(errors: Error[], partial: PartialFailure | undefined): Error {
  const error = unexpected(errors);
  if (partial === undefined) return error;
  return new PartialFailure({ ...pick(partial), reasons: [error.message] });
}

function pick(partial: PartialFailure) {
  return { id: partial.id, inputs: partial.inputs, outputs: partial.outputs };
}
