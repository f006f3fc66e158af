import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";
import { afterEach, expect, test } from "vitest";
import { type Cache, connectionOptions } from "../../../examples/app/cache.ts";
import type { Database } from "../../../examples/app/database.ts";
import { Notes } from "../../../examples/app/notes.ts";
import { isPassing, untilThere } from "../../../examples/app/retry.ts";
import { serverFor } from "../../../examples/app/server.ts";
import { settingsFrom } from "../../../examples/app/settings.ts";
import { applicationProgram } from "../../../infra/applicationProgram.ts";

/** A table of notes on a primary, and what a standby has of it. */
class Tables {
  primary = new Map<string, string>();
  standby = new Map<string, string>();
  failures: Error[] = [];
  writes = 0;

  database(): Database {
    const query = (rows: Map<string, string>) => async (sql: string, values: string[]) => {
      const failure = this.failures.shift();
      if (failure) throw failure;
      if (sql.startsWith("INSERT")) {
        this.writes++;
        if (!rows.has(values[0]!)) rows.set(values[0]!, values[1]!);
        return { rows: [] };
      }
      const all = [...rows].map(([id, text]) => ({ id, text }));
      return { rows: sql.includes("WHERE id") ? all.filter(({ id }) => id === values[0]) : all };
    };
    const pools = { writes: { query: query(this.primary) }, reads: { query: query(this.standby) } };
    return { ...pools, close: async () => {} } as unknown as Database;
  }
}

const noCache: Cache = { remembered: (_key, _seconds, compute) => compute(), close: () => {} };
const id = "f48ec9f5-fcf1-43a4-a469-de621cb6bd51";
const coded = (code: string, message = "") => Object.assign(new Error(message), { code });

let close = () => {};
afterEach(() => close());

async function serve(tables: Tables): Promise<string> {
  const server = serverFor(new Notes(tables.database(), noCache));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  close = () => server.close();
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const post = (url: string, body: unknown) =>
  fetch(`${url}/notes`, { method: "POST", body: JSON.stringify(body) });

test("a note is written to the primary, and found by its writer although no standby has it", async () => {
  const tables = new Tables();
  const url = await serve(tables);
  expect((await post(url, { id, text: "hello" })).status).toBe(201);
  expect(await (await fetch(`${url}/notes`)).json()).toEqual([]);
  expect(await (await fetch(`${url}/notes/${id}`)).json()).toEqual({ id, text: "hello" });
});

test("a write whose answer is lost in a failover is repeated and there once", async () => {
  const tables = new Tables();
  tables.failures = [coded("57P01", "terminating connection"), new Error("server conn crashed?")];
  const url = await serve(tables);
  expect((await post(url, { id, text: "hello" })).status).toBe(201);
  expect([...tables.primary]).toEqual([[id, "hello"]]);
});

test("a fault of the statement itself is not repeated", async () => {
  const tables = new Tables();
  tables.failures = [coded("42P01", "relation does not exist")];
  const url = await serve(tables);
  expect((await post(url, { id, text: "hello" })).status).toBe(503);
  expect(tables.writes).toBe(0);
});

test("what is no note is refused, and nothing is written", async () => {
  const tables = new Tables();
  const url = await serve(tables);
  for (const body of [{}, { text: 7 }, { id: "1", text: "hello" }, "hello"])
    expect((await post(url, body)).status).toBe(400);
  expect((await fetch(`${url}/other`)).status).toBe(404);
  expect(tables.writes).toBe(0);
});

test("health is told whatever the database does", async () => {
  const tables = new Tables();
  tables.failures = Array.from({ length: 5 }, () => coded("ECONNREFUSED"));
  expect((await fetch(`${await serve(tables)}/health`)).status).toBe(200);
});

test("patience ends with the last error", async () => {
  const gone = coded("ECONNREFUSED", "nobody answers");
  await expect(untilThere(() => Promise.reject(gone), 100)).rejects.toBe(gone);
});

test("errors that say nothing about the statement are told from those that do", () => {
  const passing = ["08006", "57P01", "57P03", "53300", "25006", "40001", "ECONNRESET"];
  for (const code of passing) expect(isPassing(coded(code)), code).toBe(true);
  for (const code of ["23505", "42P01", "28P01", "22001"]) expect(isPassing(coded(code)), code).toBe(false);
  expect(isPassing(new Error("Connection terminated unexpectedly"))).toBe(true);
});

test("a missing setting is named", () => {
  expect(() => settingsFrom({})).toThrow("The environment lacks DATABASE_URL and DATABASE_CA.");
});

test("the cache is found through the Sentinels where there are any, else by its URL", () => {
  const url = "rediss://app:pw@10.0.1.5:6379/0";
  const own = {
    DATABASE_URL: "postgresql://app@db/app",
    DATABASE_CA: new URL("../../../examples/app/schema.sql", import.meta.url).pathname,
    REDIS_URL: url,
  };
  expect(connectionOptions(settingsFrom(own), url)).toMatchObject({ host: "10.0.1.5", port: 6379 });
  const watched = {
    ...own,
    REDIS_MASTER: "cache",
    REDIS_SENTINELS: "10.0.1.11:26379,10.0.1.12:26380",
    REDIS_SENTINEL_PASSWORD: "sentinel",
  };
  const options = connectionOptions(settingsFrom(watched), url);
  expect(options).toMatchObject({
    name: "cache",
    sentinels: [
      { host: "10.0.1.11", port: 26379 },
      { host: "10.0.1.12", port: 26380 },
    ],
    sentinelPassword: "sentinel",
    password: "pw",
    enableTLSForSentinelMode: true,
  });
  expect(options).not.toHaveProperty("host");
});

test("the program for application servers is one file, the same each time", async () => {
  const program = await applicationProgram();
  expect(await applicationProgram()).toBe(program);
  expect(program).toMatch(/^[A-Za-z0-9+/]+=*$/);
  expect(program.length).toBeLessThan(200_000);
  expect(gunzipSync(Buffer.from(program, "base64")).toString()).toContain("/health");
});
