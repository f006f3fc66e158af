import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import type { Cloud } from "./cloud.ts";
import type { Call, Reply, Route } from "./collection.ts";
import { ApiError } from "./errors.ts";
import type { Query } from "./listing.ts";
import { routes } from "./registry.ts";

export interface ApiOptions {
  cloud: Cloud;
  /** 64 characters. */
  token: string;
  log: (line: string) => void;
}

/** So many bytes of replies are kept for as long as nothing changes. */
const keptBytes = 8 * 1024 * 1024;

const sha256 = (text: string) => createHash("sha256").update(text).digest();

/** Counts up; unique enough to find a request's line in the log. */
const correlationStart = randomBytes(4).toString("hex");
let correlation = 0;

interface Rendered {
  status: number;
  headers: Record<string, string>;
  /** UTF-8, so that a kept reply is not encoded again. */
  payload: Buffer | null;
}

function render({ status, body, headers = {} }: Reply): Rendered {
  // Clients parse whatever says that it is JSON, so an empty reply must not.
  if (body === undefined) return { status, headers, payload: null };
  return {
    status,
    headers: { "content-type": "application/json", ...headers },
    payload: Buffer.from(JSON.stringify(body)),
  };
}

/** Replies to what only reads, kept until the store changes. */
class ReplyCache {
  readonly #cloud: Cloud;
  readonly #replies = new Map<string, Rendered>();
  #revision = -1;
  #bytes = 0;

  constructor(cloud: Cloud) {
    this.#cloud = cloud;
  }

  get(key: string): Rendered | undefined {
    if (this.#cloud.store.revision !== this.#revision) this.#clear();
    return this.#replies.get(key);
  }

  /** @param revision the store's when the reply was made: one of an older store is not kept. */
  set(key: string, reply: Rendered, revision: number): void {
    if (revision !== this.#cloud.store.revision) return;
    if (this.#bytes > keptBytes) this.#clear();
    this.#bytes += key.length + (reply.payload?.length ?? 0);
    this.#replies.set(key, reply);
  }

  #clear(): void {
    this.#revision = this.#cloud.store.revision;
    this.#bytes = 0;
    this.#replies.clear();
  }
}

function send(reply: FastifyReply, { status, headers, payload }: Rendered): void {
  reply
    .code(status)
    .headers(headers)
    .send(payload ?? undefined);
}

function numberOf(parameters: unknown, name: string): number {
  const text = (parameters as Record<string, string>)[name];
  if (text === undefined) return 0;
  if (!/^\d{1,15}$/.test(text)) throw new ApiError("not_found", `resource with ID '${text}' not found`);
  return Number(text);
}

function toCall(cloud: Cloud, request: FastifyRequest): Call {
  return {
    cloud,
    id: numberOf(request.params, "id"),
    actionId: numberOf(request.params, "action"),
    parameters: request.params as Record<string, string>,
    body: request.body,
    query: request.query as Query,
    url: request.url.slice("/v1".length),
    base: `http://${request.host}/v1`,
  };
}

function authenticate(token: string) {
  const expected = sha256(token);
  return async (request: FastifyRequest) => {
    const given = /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1] ?? "";
    if (!timingSafeEqual(sha256(given), expected))
      throw new ApiError("unauthorized", "unable to authenticate");
  };
}

function addRoute(app: FastifyInstance, route: Route, cloud: Cloud, cache: ReplyCache): void {
  app.route({
    method: route.method,
    url: `/v1${route.path}`,
    handler: async (request, reply) => {
      if (route.method !== "GET") {
        send(reply, render(await route.handle(toCall(cloud, request))));
        return reply;
      }
      const key = `${request.host}${request.url}`;
      let rendered = cache.get(key);
      if (!rendered) {
        const { revision } = cloud.store;
        rendered = render(await route.handle(toCall(cloud, request)));
        cache.set(key, rendered, revision);
      }
      send(reply, rendered);
      return reply;
    },
  });
}

/** Fastify's own errors in Hetzner's words. */
function toApiError(error: unknown): ApiError | null {
  if (error instanceof ApiError) return error;
  const { statusCode, code } = error as { statusCode?: number; code?: string };
  if (statusCode === 413) return new ApiError("invalid_input", "request body is too large", { status: 413 });
  if (code === "FST_ERR_CTP_INVALID_MEDIA_TYPE") {
    return new ApiError("json_error", "Content-Type must be application/json");
  }
  if (statusCode === 400 || error instanceof SyntaxError) {
    return new ApiError("json_error", "invalid JSON in request body");
  }
  return null;
}

function refuse(reply: FastifyReply, error: ApiError): void {
  send(reply, render({ status: error.status, body: error.body() }));
}

/** For a path that exists with other methods: 405; for any other: 404, both as JSON. */
function refuseUnknown(request: FastifyRequest, reply: FastifyReply): void {
  const path = request.url.split("?", 1)[0] ?? "";
  const exists = routes.some((route) => {
    const pattern = `/v1${route.path}`.replace(/:(id|action)\b/g, "\\d+").replace(/:\w+/g, "[^/]+");
    return new RegExp(`^${pattern}$`).test(path);
  });
  refuse(
    reply,
    exists
      ? new ApiError("method_not_allowed", "method not allowed")
      : new ApiError("not_found", `there is no ${request.method} ${path}`),
  );
}

/** The HTTP server of the API, not listening yet. */
export function createApi({ cloud, token, log }: ApiOptions): FastifyInstance {
  const app = fastify({
    logger: false,
    bodyLimit: 1024 * 1024,
    // Idle clients keep their connections; a stop of the cloud does not wait for them.
    forceCloseConnections: true,
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    ["application/json", "text/plain", "*"],
    { parseAs: "string" },
    (_, body, done) => {
      if (body.length === 0) return done(null, undefined);
      try {
        done(null, JSON.parse(body as string));
      } catch (error) {
        done(error as Error);
      }
    },
  );
  app.addHook("onRequest", async (_, reply) => {
    reply.headers({
      "x-correlation-id": `${correlationStart}${(++correlation % 2 ** 32).toString(16).padStart(8, "0")}`,
      "ratelimit-limit": "3600",
      "ratelimit-remaining": "3600",
      "ratelimit-reset": String(Math.floor(Date.now() / 1000)),
    });
  });
  app.addHook("onRequest", authenticate(token));
  app.setErrorHandler((error, request, reply) => {
    const known = toApiError(error);
    if (known) return refuse(reply, known);
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    log(`${request.method} ${request.url} (${reply.getHeader("x-correlation-id")}): ${text}`);
    return refuse(
      reply,
      new ApiError("server_error", "an internal error occurred; the cloud's log says more"),
    );
  });
  app.setNotFoundHandler(refuseUnknown);
  const cache = new ReplyCache(cloud);
  for (const route of routes) addRoute(app, route, cloud, cache);
  return app;
}
