import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Cluster } from "../../topology.ts";
import type { Check, Finding, World } from "../check.ts";
import { combine } from "../check.ts";

/** How long a row may take to the standbys that serve reads (milliseconds). */
const patience = 10_000;
/** PostgreSQL's code for a table that is not there (yet). */
const undefinedTable = "42P01";

/** A row goes in as the application and comes out as the reader, in a table that the owner makes and drops. */
export const writeAndRead: Check = {
  name: "write-and-read",
  run: async (world) =>
    combine(await Promise.all(world.topology.clusters.map((cluster) => roundTrip(world, cluster)))),
};

async function roundTrip(world: World, cluster: Cluster): Promise<Finding> {
  const second = Math.floor(world.now.getTime() / 1000);
  const table = `phasewise_verify_${second}_${randomBytes(4).toString("hex")}`;
  const start = performance.now();
  await world.sql(cluster, "owner", async ({ rows }) => {
    await dropLeftovers(rows, second);
    await rows(`CREATE TABLE ${table} (number int PRIMARY KEY)`);
    try {
      await world.sql(cluster, "application", (app) => app.rows(`INSERT INTO ${table} VALUES (42)`));
      await readBack(world, cluster, table);
    } finally {
      await rows(`DROP TABLE ${table}`);
    }
  });
  const { host, port } = world.topology.endpoints.write;
  const milliseconds = Math.round(performance.now() - start);
  return {
    ok: true,
    detail: `${cluster.name}: a row written and read through ${host}:${port} in ${milliseconds} ms`,
  };
}

/** Reads may come from a standby, which is a moment behind. */
async function readBack(world: World, cluster: Cluster, table: string): Promise<void> {
  const end = performance.now() + patience;
  while (!(await isThere(world, cluster, table))) {
    if (performance.now() > end) {
      throw new Error(`the row that was written was not to be read within ${patience / 1000} s`);
    }
    await sleep(50);
  }
}

async function isThere(world: World, cluster: Cluster, table: string): Promise<boolean> {
  try {
    const [row] = await world.sql(cluster, "readonly", ({ rows }) =>
      rows<{ number: number }>(`SELECT number FROM ${table}`),
    );
    return row?.number === 42;
  } catch (error) {
    if ((error as { code?: string }).code === undefinedTable) return false;
    throw error;
  }
}

/** Tables of earlier runs that were killed; a run that still goes on is younger than an hour. */
async function dropLeftovers(
  rows: (sql: string) => Promise<Record<string, unknown>[]>,
  second: number,
): Promise<void> {
  const found = await rows(
    "SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relname ~ '^phasewise_verify_[0-9]+_[0-9a-f]{8}$'",
  );
  const old = found
    .map(({ name }) => String(name))
    .filter((name) => Number(name.split("_")[2]) < second - 3600);
  for (const name of old) await rows(`DROP TABLE IF EXISTS ${name}`);
}
