import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Account } from "./accounts.ts";
import type { FaultInjection } from "./faults.ts";
import type { Answer, Exchange } from "./operations/exchange.ts";
import { refuseWhatIsNotOffered } from "./operations/headers.ts";
import { readClaim } from "./protocol/claim.ts";
import { invalidAccessKey, noSuchBucket, S3Error } from "./protocol/errors.ts";
import { readPayload } from "./protocol/payload.ts";
import { parseHead, type RequestHead } from "./protocol/request.ts";
import { verifySignature } from "./protocol/signature.ts";
import { errorXml } from "./protocol/xml.ts";
import { needsBucket, route } from "./router.ts";
import type { Store } from "./store/store.ts";

/** Answered without a signature: whether the storage works. No bucket can have this name. */
const healthPath = "/-/health";

export interface HandlerOptions {
  store: Store;
  accounts: readonly Account[];
  region: string;
  faults: FaultInjection;
  now(): Date;
  /** Gets what went wrong on our side, for the daemon's log. */
  onError(error: unknown): void;
}

/** Answers one request after another; never throws. */
export function createHandler(options: HandlerOptions) {
  return async (request: IncomingMessage, response: ServerResponse, continues: boolean): Promise<void> => {
    const id = randomBytes(8).toString("hex").toUpperCase();
    response.setHeader("x-amz-request-id", id);
    response.setHeader("Server", "Phasewise");
    // Clients set their clocks by it, and sign with them.
    response.setHeader("Date", options.now().toUTCString());
    let answer: Answer;
    try {
      answer = await decide(request, response, continues, options);
    } catch (error) {
      if (response.destroyed) return;
      answer = refusal(request, id, toS3Error(error, options));
    }
    try {
      await send(request, response, answer);
    } catch (error) {
      if (!isDisconnect(error)) options.onError(error);
      response.destroy();
    }
  };
}

async function decide(
  request: IncomingMessage,
  response: ServerResponse,
  continues: boolean,
  options: HandlerOptions,
): Promise<Answer> {
  if (request.method === "GET" && request.url === healthPath) {
    options.store.probe();
    return { status: 200, headers: { "Content-Type": "text/plain" }, body: "ok\n" };
  }
  const headers = flatten(request);
  const head = parseHead(request.method!, request.url!, headers);
  const claim = readClaim(head, options.now());
  const account = options.accounts.find(({ accessKey }) => accessKey === claim.accessKey);
  if (account === undefined) {
    throw invalidAccessKey(claim.accessKey);
  }
  const signer = await verifySignature(head, claim, account.secretKey);
  await options.faults.meet(head, account);
  const signed = { ...head, headers: { ...hoisted(head), ...headers } };
  refuseWhatIsNotOffered(signed.headers);
  const operation = route(signed);
  if (needsBucket(operation)) requireBucket(signed, account, options.store);
  const exchange: Exchange = {
    head: signed,
    account,
    store: options.store,
    region: options.region,
    body: () => {
      if (continues) response.writeContinue();
      return readPayload(received(request), signed.headers, claim.payload, signer);
    },
  };
  return await operation(exchange);
}

function requireBucket(head: RequestHead, account: Account, store: Store): void {
  const bucket = store.buckets.find(head.bucket);
  if (bucket === undefined) throw noSuchBucket(head.bucket);
  const expected = head.headers["x-amz-expected-bucket-owner"];
  if (bucket.owner !== account.name || (expected !== undefined && expected !== bucket.owner)) {
    throw new S3Error("AccessDenied", "Access Denied");
  }
}

/** The body as it comes in. Stopping early leaves the connection as it is, so that a refusal can be answered. */
async function* received(request: IncomingMessage): AsyncGenerator<Uint8Array> {
  yield* request.iterator({ destroyOnReturn: false });
}

async function send(request: IncomingMessage, response: ServerResponse, answer: Answer): Promise<void> {
  const { status, headers = {}, body } = answer;
  const withoutBody = request.method === "HEAD" || status === 204 || status === 304;
  if (typeof body === "string") headers["Content-Length"] = String(Buffer.byteLength(body));
  else if (body === undefined && !withoutBody) headers["Content-Length"] = "0";
  response.writeHead(status, headers);
  try {
    if (body === undefined || withoutBody) response.end();
    else if (typeof body === "string") response.end(body);
    else
      await pipeline(Readable.from(body.lease.read(body.start, body.end), { objectMode: false }), response);
  } finally {
    if (typeof body === "object") await body.lease.release();
  }
  // What is left of a refused upload is read and dropped: cut off, the client would not see the answer.
  request.resume();
}

function refusal(request: IncomingMessage, id: string, error: S3Error): Answer {
  const path = request.url!.split("?", 1)[0]!;
  const headers: Record<string, string> = { "Content-Type": "application/xml", ...error.headers };
  return { status: error.status, headers, body: errorXml(error, path, id) };
}

function toS3Error(error: unknown, { onError }: HandlerOptions): S3Error {
  if (error instanceof S3Error) return error;
  if (isDisconnect(error))
    return new S3Error("IncompleteBody", "The connection was closed before the body's end.");
  onError(error);
  if (isDiskFull(error)) {
    return new S3Error(
      "InsufficientStorage",
      "There is no space left on the disk of the object storage. Nothing was stored. Free some, then try again.",
    );
  }
  return new S3Error("InternalError", "We encountered an internal error. Please try again.");
}

function isDisconnect(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | undefined)?.code ?? "";
  return ["ECONNRESET", "EPIPE", "ERR_STREAM_PREMATURE_CLOSE", "ERR_STREAM_DESTROYED"].includes(code);
}

/** For the contents it is the system that says so, for the index SQLite (SQLITE_FULL). */
function isDiskFull(error: unknown): boolean {
  const { code, errcode } = error as { code?: string; errcode?: number };
  return code === "ENOSPC" || errcode === 13;
}

/** Headers by lower-case names; those that came more than once are joined, as they are signed. */
function flatten(request: IncomingMessage): Record<string, string> {
  return Object.fromEntries(
    Object.entries(request.headersDistinct).map(([name, values]) => [name, values!.join(",")]),
  );
}

/** A presigned URL may carry x-amz-* headers in its query. */
function hoisted(head: RequestHead): Record<string, string> {
  return Object.fromEntries(
    head.query
      .map(([name, value]) => [name.toLowerCase(), value] as const)
      .filter(([name]) => name.startsWith("x-amz-") && !signatureParameters.has(name)),
  );
}

const signatureParameters = new Set([
  "x-amz-algorithm",
  "x-amz-content-sha256",
  "x-amz-credential",
  "x-amz-date",
  "x-amz-expires",
  "x-amz-signature",
  "x-amz-signedheaders",
]);
