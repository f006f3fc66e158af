import type { SshSession } from "../../clients/ssh.ts";
import { postgresBin, postgresData } from "../../roles/paths.ts";
import type { OperationContext } from "../context.ts";
import { psql } from "../restore/archive.ts";
import { run } from "../restore/recover.ts";
import { SCRATCH_UNIT } from "../restore/scratchManifest.ts";
import type { Cluster } from "../topology.ts";
import { CANARY, type Live, parseCanary } from "./live.ts";

export interface DrillCheck {
  name: string;
  ok: boolean;
  detail: string;
}

/** A restored cluster that takes connections. */
export interface Restored {
  session: SshSession;
  cluster: Cluster;
  live: Live | null;
  ctx: OperationContext;
}

/** Tables up to this size (bytes) are counted row by row; of larger ones the statistics are told. */
const countedBytes = 1e9;

/** Acknowledged rows that are not there. Null where the running cluster could not be asked. */
export async function missingRows({ session, cluster, live, ctx }: Restored): Promise<number | null> {
  if (live === null) return null;
  const status = (await run(session, psql(`SELECT pg_xact_status('${live.mark.xid}')`), ctx)).trim();
  const found = await Promise.all(
    cluster.databases.map(async (database) => parseCanary(await run(session, psql(CANARY, database), ctx))),
  );
  const there = new Map(found.flat().map(({ run: name, rows }) => [name, rows]));
  const lost = live.canary.map(({ run: name, rows }) => Math.max(0, rows - (there.get(name) ?? 0)));
  return lost.reduce((sum, rows) => sum + rows, status === "committed" ? 0 : 1);
}

/** Everything that is looked at in a restored cluster; the last one stops it. */
export async function checkRestored(restored: Restored): Promise<DrillCheck[]> {
  return [
    await tables(restored),
    await extensions(restored),
    await indexes(restored),
    await plan(restored),
    await amcheck(restored),
    await checksums(restored),
  ];
}

async function tables({ session, cluster, live, ctx }: Restored): Promise<DrillCheck> {
  const sql = `SELECT coalesce(json_object_agg(n.nspname || '.' || c.relname,
    CASE WHEN pg_relation_size(c.oid) > ${countedBytes} THEN greatest(c.reltuples, 0)::bigint ELSE
    (xpath('/row/c/text()', query_to_xml(format('SELECT count(*) AS c FROM %I.%I', n.nspname, c.relname), false, true, '')))[1]::text::bigint
    END), '{}') FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r'
    AND c.relpersistence = 'p' AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'`;
  const counts = new Map<string, number>();
  for (const database of cluster.databases) {
    const found = JSON.parse(await run(session, psql(sql, database), ctx)) as Record<string, number>;
    for (const [table, rows] of Object.entries(found)) counts.set(`${database}: ${table}`, rows);
  }
  const names = (live?.tables ?? []).map(({ database, table, rows }) => ({
    name: `${database}: ${table}`,
    rows,
  }));
  const missing = names.filter(({ name }) => !counts.has(name)).map(({ name }) => `${name} is missing`);
  const empty = names
    .filter(({ name, rows }) => rows > 100 && counts.get(name) === 0)
    .map(({ name, rows }) => `${name} is empty, and has about ${rows} rows in the stack`);
  const total = [...counts.values()].reduce((sum, rows) => sum + rows, 0);
  return judged("tables", [...missing, ...empty], `${counts.size} tables, ${total} rows`);
}

async function extensions({ session, cluster, ctx }: Restored): Promise<DrillCheck> {
  const lacking: string[] = [];
  for (const database of cluster.databases) {
    const text = await run(session, psql("SELECT extname FROM pg_extension", database), ctx);
    const found = new Set(text.trim().split("\n"));
    lacking.push(
      ...cluster.extensions
        .filter((name) => !found.has(name))
        .map((name) => `${database}: ${name} is missing`),
    );
  }
  return judged("extensions", lacking, cluster.extensions.join(", "));
}

async function indexes({ session, cluster, ctx }: Restored): Promise<DrillCheck> {
  const invalid: string[] = [];
  let count = 0;
  for (const database of cluster.databases) {
    const sql = "SELECT indexrelid::regclass || '|' || (indisvalid AND indisready) FROM pg_index";
    for (const line of (await run(session, psql(sql, database), ctx)).trim().split("\n")) {
      count++;
      const [name, valid] = line.split("|");
      if (valid !== "true") invalid.push(`${database}: ${name} is not valid`);
    }
  }
  return judged("indexes", invalid, `${count} indexes, all valid`);
}

/**
 * Plans and runs a look-up of one row by the largest table's primary key: planner, statistics and the index play
 * together as in the stack.
 */
async function plan({ session, cluster, ctx }: Restored): Promise<DrillCheck> {
  const faults: string[] = [];
  const seen: string[] = [];
  for (const database of cluster.databases) {
    const found = (await run(session, psql(LARGEST, database), ctx)).trim();
    if (found === "") continue;
    const { sql, table } = JSON.parse(found) as { sql: string; table: string };
    const answer = await run(session, psql(`EXPLAIN (ANALYZE, FORMAT JSON) ${sql}`, database), ctx);
    const [{ Plan, "Execution Time": ms }] = JSON.parse(answer) as [
      { Plan: { "Node Type": string; "Actual Rows": number }; "Execution Time": number },
    ];
    if (Plan["Actual Rows"] < 1)
      faults.push(`${database}: a row of ${table} is not found by its primary key`);
    seen.push(`${database}: ${table} by its primary key, ${Plan["Node Type"]}, ${ms.toFixed(1)} ms`);
  }
  return judged("plan", faults, seen.join("; ") || "no table with a primary key and rows");
}

/** A query for one row that is there, by the primary key of the largest table that has one and rows. */
const LARGEST = `SELECT json_build_object('table', t, 'sql', format('SELECT 1 FROM %s WHERE (%s) = (SELECT %s FROM %s LIMIT 1)', t, columns, columns, t))
  FROM (SELECT c.oid::regclass::text AS t, c.oid, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) AS columns
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
    WHERE c.relkind = 'r' AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
    GROUP BY c.oid) keyed
  WHERE (xpath('/row/c/text()', query_to_xml(format('SELECT count(*) AS c FROM (SELECT 1 FROM %s LIMIT 1) r', t), false, true, '')))[1]::text = '1'
  ORDER BY pg_relation_size(oid) DESC LIMIT 1`;

/** Walks all tables and B-tree indexes; what it needs is installed in the throw-away copy only. */
async function amcheck({ session, cluster, ctx }: Restored): Promise<DrillCheck> {
  const program = `${postgresBin(cluster.postgresVersion)}/pg_amcheck`;
  const { code, stdout, stderr } = await session.exec(
    `cd /tmp && runuser -u postgres -- ${program} --all --install-missing --jobs=2`,
    { signal: ctx.signal },
  );
  const words = `${stdout}\n${stderr}`.trim().split("\n").filter(Boolean).slice(0, 5);
  return judged("amcheck", code === 0 ? [] : words, "tables and B-tree indexes are sound");
}

/** Reads every page of the stopped cluster. */
async function checksums({ session, cluster, ctx }: Restored): Promise<DrillCheck> {
  await run(session, `systemctl stop ${SCRATCH_UNIT}`, ctx);
  const { postgresVersion: version } = cluster;
  const { code, stdout, stderr } = await session.exec(
    `${postgresBin(version)}/pg_checksums --check -D ${postgresData(version)}`,
    { signal: ctx.signal },
  );
  const blocks = /Blocks scanned:\s+(\d+)/.exec(stdout)?.[1];
  const words = `${stdout}\n${stderr}`.trim().split("\n").filter(Boolean).slice(0, 5);
  return judged("checksums", code === 0 ? [] : words, `${blocks} pages, all sound`);
}

function judged(name: string, faults: string[], detail: string): DrillCheck {
  return faults.length === 0
    ? { name, ok: true, detail }
    : { name, ok: false, detail: faults.slice(0, 5).join("; ") };
}
