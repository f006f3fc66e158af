import { setTimeout as sleep } from "node:timers/promises";
import { type Action, ActionError, ApiError, apiError, hasCode } from "./errors.ts";

/** Sends one request. A lost or refused connection is an error, every answer is not. */
export type Transport = (request: {
  method: string;
  url: string;
  headers: Record<string, string>;
  body: string | undefined;
}) => Promise<{ status: number; text: string; correlationId: string | null }>;

export interface ApiSettings {
  /** With the version's path, as `https://api.hetzner.cloud/v1`. */
  endpoint: string;
  token: string | null;
  /** Milliseconds before poll number `retries`, counted from 0. */
  pollDelay: (retries: number) => number;
  transport: Transport;
  /** Replaced in tests. */
  sleep?: (milliseconds: number, signal: AbortSignal) => Promise<void>;
}

/** How long one operation may take, and when it should stop waiting. */
export interface Limits {
  signal: AbortSignal;
  /** Milliseconds since 1970. */
  deadline: number;
}

/** From Hetzner's Go client: retries of one request, what they are for, and how many actions one poll asks for. */
const RETRIES = 5;
const RETRIED_CODES = ["conflict", "rate_limit_exceeded", "bad_gateway", "timeout"];
const RETRIED_STATUS = [502, 504];
const POLL_CHUNK = 25;
/** From the official provider: attempts of an operation that meets a lock or a conflict. */
export const ATTEMPTS = 5;

export type Query = Record<string, string | number | boolean>;

/** A client of the Hetzner Cloud API for one operation: requests, retries as the official clients do, actions. */
export class Api {
  readonly #settings: ApiSettings;
  readonly #limits: Limits;

  constructor(settings: ApiSettings, limits: Limits) {
    this.#settings = settings;
    this.#limits = limits;
  }

  async get<T>(path: string, query: Query = {}): Promise<T> {
    return await this.#request("GET", path + encodeQuery(query));
  }

  /** Null where the API says that there is no such thing. */
  async find<T>(path: string): Promise<T | null> {
    try {
      return await this.get<T>(path);
    } catch (error) {
      if (hasCode(error, "not_found")) return null;
      throw error;
    }
  }

  async post<T>(path: string, body?: object): Promise<T> {
    return await this.#request("POST", path, body);
  }

  async put<T>(path: string, body: object): Promise<T> {
    return await this.#request("PUT", path, body);
  }

  async delete<T>(path: string): Promise<T> {
    return await this.#request("DELETE", path);
  }

  /** Posts an action and waits for it. */
  async act(path: string, body?: object): Promise<void> {
    const { action, actions } = await this.post<{ action?: Action; actions?: Action[] }>(path, body);
    await this.wait(action, ...(actions ?? []));
  }

  /** Waits until the actions are done, all of them together; the first failure is thrown. */
  async wait(...actions: (Action | null | undefined)[]): Promise<void> {
    let running = actions.filter((action) => action !== null && action !== undefined);
    running = stillRunning(running);
    for (let retries = 0; running.length > 0; retries++) {
      if (Date.now() > this.#limits.deadline) throw timeout(running);
      // An action goes on whatever this side does: it is waited for also after the engine cancelled.
      await this.#sleep(this.#settings.pollDelay(retries), new AbortController().signal);
      const ids = running.map((action) => action.id).sort((a, b) => a - b);
      const updates: Action[] = [];
      for (let start = 0; start < ids.length; start += POLL_CHUNK) {
        const chunk = ids.slice(start, start + POLL_CHUNK).map((id) => `id=${id}`);
        const path = `/actions?${chunk.join("&")}&page=1&sort=status&sort=id`;
        updates.push(...(await this.get<{ actions: Action[] }>(path)).actions);
      }
      const missing = ids.filter((id) => !updates.some((update) => update.id === id));
      if (missing.length > 0)
        throw new Error(`The API does not know its own actions any more: ${missing.join(", ")}.`);
      running = stillRunning(updates);
    }
  }

  /** Tries `work` up to `attempts` times while `again` says that the error may pass. */
  async retry<T>(
    work: () => Promise<T>,
    again: (error: unknown) => boolean,
    attempts = ATTEMPTS,
  ): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await work();
      } catch (error) {
        if (attempt + 1 >= attempts || !again(error) || this.#limits.signal.aborted) throw error;
        await this.#sleep(Math.min(2 ** attempt, 60) * 1000, this.#limits.signal);
      }
    }
  }

  async #request<T>(method: string, path: string, body?: object): Promise<T> {
    for (let retries = 0; ; retries++) {
      try {
        return (await this.#send(method, path, body)) as T;
      } catch (error) {
        if (retries >= RETRIES || !isPassing(error) || this.#limits.signal.aborted) throw error;
        // Exponential with full jitter, from 1 to 60 seconds, as Hetzner's client waits.
        const longest = Math.min(2 ** retries, 60);
        await this.#sleep((1 + (longest - 1) * Math.random()) * 1000, this.#limits.signal);
      }
    }
  }

  async #send(method: string, path: string, body?: object): Promise<unknown> {
    const { endpoint, token, transport } = this.#settings;
    if (token === null) throw new Error("There is no API token: set hcloud:token or HCLOUD_TOKEN.");
    const headers: Record<string, string> = { authorization: `Bearer ${token}`, accept: "application/json" };
    if (body !== undefined) headers["content-type"] = "application/json";
    const answer = await transport({
      method,
      url: endpoint + path,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const { status, text, correlationId } = answer;
    if (status >= 400) throw apiError({ status, text, correlationId, request: `${method} ${path}` });
    return text === "" ? {} : JSON.parse(text);
  }

  async #sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
    if (this.#settings.sleep !== undefined) return await this.#settings.sleep(milliseconds, signal);
    try {
      await sleep(milliseconds, undefined, { signal });
    } catch (error) {
      // A cancelled wait ends early; the caller then sees the signal and gives up.
      if (!signal.aborted) throw error;
    }
  }
}

/** Requests over HTTP with Node's own client. */
export const http: Transport = async ({ method, url, headers, body }) => {
  try {
    const signal = AbortSignal.timeout(REQUEST_TIMEOUT);
    const response = await fetch(url, { method, headers, body, signal });
    const correlationId = response.headers.get("x-correlation-id");
    return { status: response.status, text: await response.text(), correlationId };
  } catch (error) {
    const reason =
      error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    throw new Error(
      `The Hetzner Cloud API at ${new URL(url).origin} did not answer ${method} ${new URL(url).pathname}: ${reason}`,
      {
        cause: error,
      },
    );
  }
};

/** The API answers within seconds; what takes longer is an action. In milliseconds. */
const REQUEST_TIMEOUT = 60_000;

/** One part of a path, as Go's url.PathEscape writes it. */
export function segment(text: string): string {
  return encodeURIComponent(text).replaceAll("%40", "@").replaceAll("%3A", ":").replaceAll("%24", "$");
}

function encodeQuery(query: Query): string {
  const names = Object.keys(query).sort();
  if (names.length === 0) return "";
  return `?${new URLSearchParams(names.map((name): [string, string] => [name, String(query[name])]))}`;
}

function isPassing(error: unknown): boolean {
  if (error instanceof ApiError) {
    return error.code === "" ? RETRIED_STATUS.includes(error.status) : RETRIED_CODES.includes(error.code);
  }
  return error instanceof Error && error.cause instanceof Error && error.cause.name === "TimeoutError";
}

function stillRunning(actions: Action[]): Action[] {
  const failed = actions.find(({ status }) => status === "error");
  if (failed !== undefined) throw new ActionError(failed);
  return actions.filter(({ status }) => status === "running");
}

function timeout(running: Action[]): Error {
  const names = running.map(({ command, id }) => `${command} (${id})`).join(", ");
  return new Error(
    `Gave up waiting: the API is still busy with ${names}. It goes on there; refresh before you go on.`,
  );
}
