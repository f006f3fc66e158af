import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { hostname } from "node:os";
import type { Notes } from "./notes.ts";

interface Answer {
  status: number;
  body: unknown;
}

const longest = 64 * 1024;
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * - `GET /health`: 200 while this process takes requests. It does not ask the database: a failover there would make
 *   every application unwell at once, and the load balancer would turn clients away that could have waited.
 * - `POST /notes` with `{"text": ...}` and, if the client wants to repeat it safely, an `id` (a UUID): writes.
 * - `GET /notes`: reads, some seconds old. `GET /notes/<id>`: reads what was written, at once.
 */
export function serverFor(notes: Notes): Server {
  return createServer((request, response) => {
    answer(request, notes)
      .catch((error: Error): Answer => {
        process.stderr.write(`${request.method} ${request.url}: ${error.message}\n`);
        return { status: 503, body: { error: "the database cannot be reached" } };
      })
      .then(({ status, body }) => {
        response.writeHead(status, { "content-type": "application/json", "x-served-by": hostname() });
        response.end(JSON.stringify(body));
      });
  });
}

async function answer(request: IncomingMessage, notes: Notes): Promise<Answer> {
  const { pathname } = new URL(request.url ?? "/", "http://localhost");
  const [, first, id] = pathname.split("/");
  if (request.method === "GET" && pathname === "/health") return { status: 200, body: { ok: true } };
  if (first !== "notes") return { status: 404, body: { error: "there is nothing here" } };
  if (request.method === "GET" && id === undefined) return { status: 200, body: await notes.newest(20) };
  if (request.method === "GET" && uuid.test(id ?? "")) {
    const note = await notes.find(id!);
    return note ? { status: 200, body: note } : { status: 404, body: { error: "there is no such note" } };
  }
  if (request.method === "POST" && id === undefined) return write(await readBody(request), notes);
  return { status: 404, body: { error: "there is nothing here" } };
}

async function write(body: string, notes: Notes): Promise<Answer> {
  const { text, id = randomUUID() } = parsed(body);
  if (typeof text !== "string" || typeof id !== "string" || !uuid.test(id)) {
    return { status: 400, body: { error: "send a text, and an id that is a UUID if you want to repeat it" } };
  }
  await notes.write({ id, text });
  return { status: 201, body: { id, text } };
}

function parsed(body: string): { text?: unknown; id?: unknown } {
  try {
    const value = JSON.parse(body);
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > longest) return "";
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
