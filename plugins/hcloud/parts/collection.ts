import { ApiError, hasCode } from "../api/errors.ts";
import type { Operation } from "../operation.ts";

/** A step of an update: done where one of its properties is to change. `thing` is what the API had before it. */
export interface Step<T = unknown> {
  when: string[];
  run(op: Operation, thing: T): Promise<void>;
}

/** The calls that things of one kind have in common. `T` is the thing as the API gives it. */
export interface Collection<T> {
  /** `/networks/4711` */
  path(op: Operation): string;
  /** The thing, or null where it is gone. */
  get(op: Operation, id?: string | number): Promise<T | null>;
  /** As `get`; what is not found by its id is looked up as a name, as Hetzner's Go client does. */
  getByIdOrName(op: Operation, id?: string | number): Promise<T | null>;
  put(op: Operation, body: object): Promise<T>;
  act(op: Operation, action: string, body?: object): Promise<void>;
  delete(op: Operation): Promise<void>;
}

/** `path` as `/networks`, `one` as `network`; `many` where it is not the path's name. */
export function collection<T>(path: string, one: string): Collection<T> {
  const many = path.slice(1);
  const at = (op: Operation, id?: string | number) => `${path}/${id ?? op.id}`;
  const result: Collection<T> = {
    path: at,
    async get(op, id) {
      const answer = await op.api.find<Record<string, T>>(at(op, id));
      return answer?.[one] ?? null;
    },
    async getByIdOrName(op, id) {
      const name = id ?? op.id;
      const found = /^\d+$/.test(String(name)) ? await result.get(op, name) : null;
      if (found !== null) return found;
      const answer = await op.api.get<Record<string, T[]>>(path, { name });
      return answer[many]?.[0] ?? null;
    },
    async put(op, body) {
      return (await op.api.put<Record<string, T>>(at(op), body))[one] as T;
    },
    act: async (op, action, body) => await op.api.act(`${at(op)}/actions/${action}`, body),
    delete: async (op) => await op.api.delete(at(op)),
  };
  return result;
}

/** Sends each of these properties with a PUT of its own when it changes; names are the API's. */
export function put(things: Collection<unknown>, property: string, name = property): Step {
  const run = async (op: Operation) => void (await things.put(op, { [name]: op.values[property] ?? {} }));
  return { when: [property], run };
}

/** Sets the protection against deletion when it changes. */
export function protect(things: Collection<unknown>): Step {
  return {
    when: ["deleteProtection"],
    run: (op) => things.act(op, "change_protection", { delete: op.values.deleteProtection }),
  };
}

export async function runSteps<T>(op: Operation, thing: T, steps: readonly Step<T>[]): Promise<void> {
  for (const step of steps) if (op.changes(...step.when)) await step.run(op, thing);
}

/** What a create or an update must find. */
export function must<T>(found: T | null, what: string): T {
  if (found !== null) return found;
  throw new Error(`${what} is gone: it was deleted outside of Pulumi. Run a refresh, then go on.`);
}

/** Goes on where the thing is gone already. */
export async function unlessGone(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!hasCode(error, "not_found")) throw error;
  }
}

/** Whether an error may pass by itself, by its code. */
export function onCodes(...codes: string[]): (error: unknown) => boolean {
  return (error) => error instanceof ApiError && codes.includes(error.code);
}

/** Whether it may help to try again: the API can be busy with the thing, but it changes no rule. */
export function mayPass(error: unknown): boolean {
  return !hasCode(error, "not_found", "protected", "unauthorized", "forbidden", "invalid_input");
}

/** The value, or undefined where Terraform's SDK would call it not set: it is then left out of a request. */
export function ifSet(value: unknown): unknown {
  if (value === null || value === undefined || value === "" || value === 0 || value === false)
    return undefined;
  if (typeof value === "object" && Object.keys(value).length === 0) return undefined;
  return value;
}
