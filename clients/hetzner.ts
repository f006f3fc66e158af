import { setTimeout as sleep } from "node:timers/promises";

/** How to reach a Hetzner Cloud API, the real one or the embedded one. */
export interface HetznerAccess {
  /** As "https://api.hetzner.cloud/v1". */
  endpoint: string;
  token: string;
}

/** What production talks to. */
export const hetznerEndpoint = "https://api.hetzner.cloud/v1";

/** An answer that is no success, with the API's own code (as `not_found`) where it gave one. */
export class HetznerError extends Error {
  readonly status: number;
  readonly code: string | null;
  constructor(path: string, status: number, code: string | null, message: string) {
    super(`Hetzner's API refused ${path}: ${message}${code ? ` (${code}, ${status})` : ` (${status})`}`);
    this.name = "HetznerError";
    this.status = status;
    this.code = code;
  }
}

/** One object of a collection; what stands in it besides is in Hetzner's API reference. */
export interface HetznerItem {
  id: number;
  name: string;
  labels: Record<string, string>;
  [key: string]: unknown;
}

/** How long one request may take (milliseconds). */
const requestTimeout = 15_000;

/**
 * Reads all pages of a collection.
 * @param collection The path and the key of the answer, as `primary_ips`.
 * @param labelSelector As `phasewise-stack=dev`.
 */
export async function listAll(
  access: HetznerAccess,
  collection: string,
  labelSelector?: string,
): Promise<HetznerItem[]> {
  const items: HetznerItem[] = [];
  for (let page: number | null = 1; page !== null; ) {
    const query = new URLSearchParams({ page: String(page), per_page: "50" });
    if (labelSelector) query.set("label_selector", labelSelector);
    const body = await get(access, `/${collection}?${query}`);
    items.push(...((body[collection] ?? []) as HetznerItem[]));
    page =
      (body.meta as { pagination?: { next_page: number | null } } | undefined)?.pagination?.next_page ?? null;
  }
  return items;
}

/** One object; null where it does not exist. */
export async function getOne(
  access: HetznerAccess,
  collection: string,
  id: string,
): Promise<HetznerItem | null> {
  try {
    const body = await get(access, `/${collection}/${id}`);
    return Object.values(body)[0] as HetznerItem;
  } catch (error) {
    if (error instanceof HetznerError && error.status === 404) return null;
    throw error;
  }
}

/** How long the price list may take (milliseconds): nobody waits long for a figure that is also kept. */
const pricingTimeout = 5_000;

/** The body of `GET /pricing`. */
export function getPricing(access: HetznerAccess): Promise<unknown> {
  return request(access, "GET", "/pricing", pricingTimeout);
}

/** How long a server may take from off to running, and between two looks (milliseconds). */
const powerDeadline = 120_000;
const powerInterval = 300;

/**
 * Turns a server on and returns when it runs; one that runs is left alone. A server that is busy is waited for.
 * Throws where it is gone, or does not run after two minutes.
 */
export async function powerOn(access: HetznerAccess, serverId: string): Promise<void> {
  const deadline = Date.now() + powerDeadline;
  for (;;) {
    const server = await getOne(access, "servers", serverId);
    if (server === null) throw new Error(`the server ${serverId} does not exist any more`);
    if (server.status === "running") return;
    if (Date.now() > deadline) {
      throw new Error(`${server.name} was to be turned on and is still ${server.status} after 2 minutes`);
    }
    if (server.status === "off") await tryPowerOn(access, serverId);
    await sleep(powerInterval);
  }
}

/** Asks once; that something else is being done to the server at the moment is no failure. */
async function tryPowerOn(access: HetznerAccess, serverId: string): Promise<void> {
  try {
    await request(access, "POST", `/servers/${serverId}/actions/poweron`);
  } catch (error) {
    if (!(error instanceof HetznerError && (error.code === "locked" || error.code === "conflict")))
      throw error;
  }
}

/**
 * Asks for a change: POST makes something or runs an action, PUT changes, DELETE removes.
 * @returns The answer's body; empty where it has none.
 */
export function change(
  access: HetznerAccess,
  method: "POST" | "PUT" | "DELETE",
  path: string,
  body?: unknown,
): Promise<Record<string, unknown>> {
  return request(access, method, path, requestTimeout, body);
}

/** The objects that a query finds, of the first page. @param query As `name=cpx22`. */
export async function find(access: HetznerAccess, collection: string, query: string): Promise<HetznerItem[]> {
  return ((await get(access, `/${collection}?${query}`))[collection] ?? []) as HetznerItem[];
}

function get(access: HetznerAccess, path: string): Promise<Record<string, unknown>> {
  return request(access, "GET", path);
}

async function request(
  access: HetznerAccess,
  method: "GET" | "POST" | "PUT" | "DELETE",
  path: string,
  timeout = requestTimeout,
  content?: unknown,
): Promise<Record<string, unknown>> {
  const response = await fetch(`${access.endpoint.replace(/\/$/, "")}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${access.token}`,
      ...(content === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(content === undefined ? {} : { body: JSON.stringify(content) }),
    signal: AbortSignal.timeout(timeout),
  });
  const text = await response.text();
  if (response.ok) return text === "" ? {} : (JSON.parse(text) as Record<string, unknown>);
  const error = parseError(text);
  throw new HetznerError(path, response.status, error.code ?? null, error.message ?? response.statusText);
}

function parseError(text: string): { code?: string; message?: string } {
  try {
    return (JSON.parse(text) as { error?: { code?: string; message?: string } }).error ?? {};
  } catch {
    return {};
  }
}
