import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "../../toolchain/problem.ts";
import type { Hypervisor } from "../hypervisor.ts";
import type { Store, Transaction } from "../store/store.ts";
import { ApiError } from "./errors.ts";
import type { Action, ActionResource, Kinds } from "./model.ts";

export type Tx = Transaction<Kinds>;
export type CloudStore = Store<Kinds>;

/** What work on the world needs. */
export interface Context {
  store: CloudStore;
  hypervisor: Hypervisor;
  /** A line for whoever runs the cloud. */
  log(line: string): void;
}

/**
 * A kind of work. `run` brings the world to what the store says; it may be called again after a crash. `done` writes
 * what is now true, `failed` what is true instead.
 */
export interface Task<Input> {
  run(context: Context, input: Input): Promise<void>;
  done?(store: CloudStore, tx: Tx, input: Input): void;
  failed?(store: CloudStore, tx: Tx, input: Input): void;
}

export type Tasks = Record<string, Task<never>>;

export interface NewAction {
  command: string;
  resources: ActionResource[];
  /** Without one the action has succeeded at once. */
  task?: { name: string; input: unknown };
  after?: number;
}

/** RFC 3339 in UTC with whole seconds, as Hetzner writes times. */
export function timestamp(): string {
  return `${new Date().toISOString().slice(0, 19)}Z`;
}

/** How long it is waited before the end of an action is written again that could not be. */
const retryMs = 1000;

/** Whether the database refused, as it does on a full disk. */
function isDatabaseError(error: unknown): boolean {
  return (error as { code?: string }).code === "ERR_SQLITE_ERROR";
}

const key = (resource: ActionResource) => `${resource.type}/${resource.id}`;

/**
 * Carries out actions: each in the order of its id among those that touch the same resource, others side by side.
 * An action is in the store before its work starts; what a dead predecessor left running is started again.
 */
export class Engine {
  readonly #context: Context;
  readonly #tasks: Tasks;
  readonly #started = new Set<number>();
  /** Running actions, by id. Kept beside the store so that looking for them costs nothing. */
  readonly #running = new Map<number, Action>();
  readonly #waiting = new Set<() => void>();
  #stopped = false;

  constructor(context: Context, tasks: Tasks) {
    this.#context = context;
    this.#tasks = tasks;
    for (const action of context.store.all("action")) {
      if (action.status === "running") this.#running.set(action.id, action);
    }
  }

  /** Writes an action down. Its work starts at the next `kick`, after the transaction. */
  add(tx: Tx, spec: NewAction): Action {
    const now = timestamp();
    const action: Action = {
      id: tx.newId(),
      command: spec.command,
      status: spec.task ? "running" : "success",
      progress: spec.task ? 0 : 100,
      started: now,
      finished: spec.task ? null : now,
      error: null,
      resources: spec.resources,
      task: spec.task ?? null,
      after: spec.after ?? null,
    };
    tx.put("action", action);
    return action;
  }

  /** Starts what can be started. Called after every transaction that added actions. */
  kick(added: readonly Action[] = []): void {
    for (const action of added) if (action.status === "running") this.#running.set(action.id, action);
    if (this.#stopped) return;
    const busy = new Set<string>();
    for (const action of [...this.#running.values()].sort((a, b) => a.id - b.id)) {
      const keys = action.resources.map(key);
      const free = keys.every((resource) => !busy.has(resource));
      for (const resource of keys) busy.add(resource);
      if (free && !this.#started.has(action.id) && this.#ready(action)) this.#start(action);
    }
  }

  /** Running actions that touch this resource. */
  runningOn(resource: ActionResource): Action[] {
    const wanted = key(resource);
    return this.running().filter((action) => action.resources.some((other) => key(other) === wanted));
  }

  running(): Action[] {
    return [...this.#running.values()];
  }

  /** Resolves when the condition holds or the time is over; it is looked at whenever an action ends. */
  async until(condition: () => boolean, milliseconds: number): Promise<void> {
    const deadline = Date.now() + milliseconds;
    while (!condition() && Date.now() < deadline) {
      await new Promise<void>((resolve) => {
        const wake = () => {
          clearTimeout(timer);
          this.#waiting.delete(wake);
          resolve();
        };
        const timer = setTimeout(wake, deadline - Date.now());
        this.#waiting.add(wake);
      });
    }
  }

  /** Starts nothing more, and waits at most so long for what is under way. What is left is taken up by a successor. */
  async stop(milliseconds: number): Promise<void> {
    this.#stopped = true;
    await this.until(() => this.#started.size === 0, milliseconds);
  }

  #ready(action: Action): boolean {
    return action.after === null || this.#context.store.get("action", action.after)?.status !== "running";
  }

  #start(action: Action): void {
    this.#started.add(action.id);
    void this.#run(action).finally(() => {
      this.#started.delete(action.id);
      this.kick();
      this.#wake();
    });
  }

  async #run(action: Action): Promise<void> {
    const { store, log } = this.#context;
    const task = this.#tasks[action.task?.name ?? ""] as Task<unknown> | undefined;
    const input = action.task?.input;
    try {
      if (!task) throw new Error(`there is no work called ${action.task?.name}`);
      const previous = action.after === null ? undefined : store.get("action", action.after);
      if (previous?.status === "error") throw new Error(`action ${previous.id} (${previous.command}) failed`);
      await task.run(this.#context, input);
      await this.#finish(action, "success", null, (tx) => task.done?.(store, tx, input));
    } catch (cause) {
      const message = messageOf(cause);
      const where = cause instanceof Error ? cause.stack : message;
      log(`action ${action.id} (${action.command} ${action.resources.map(key).join(" ")}) failed: ${where}`);
      const code = cause instanceof ApiError ? cause.code : "action_failed";
      await this.#finish(action, "error", { code, message }, (tx) => task?.failed?.(store, tx, input));
    }
  }

  /**
   * Writes down how an action ended. It leaves the running ones in the same breath: nobody sees one without the other.
   * While nothing can be written (the disk is full), it stays a running one and is tried again.
   */
  async #finish(action: Action, status: Action["status"], error: Action["error"], write: (tx: Tx) => void) {
    for (let told = false; ; told = true) {
      try {
        this.#context.store.transact((tx) => {
          write(tx);
          tx.put("action", { ...action, status, progress: 100, finished: timestamp(), error });
        });
        this.#running.delete(action.id);
        return;
      } catch (cause) {
        if (!isDatabaseError(cause)) throw cause;
        if (!told)
          this.#context.log(`the end of action ${action.id} cannot be written yet: ${messageOf(cause)}`);
        await sleep(retryMs);
        // A successor takes up what cannot be ended here.
        if (this.#stopped) return;
      }
    }
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}
