import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { dictionary, exporters } from "../../../../operations/metrics/dictionary.ts";
import { parseExposition, type Sample } from "../../../../operations/metrics/exposition.ts";
import { measure, scrapeAll } from "../../../../operations/metrics/read.ts";
import { reportOf } from "../../../../operations/metrics.ts";
import type { World } from "../../../../operations/verify/check.ts";
import { judge, metrics } from "../../../../operations/verify/checks/metrics.ts";
import { METRIC_QUERIES } from "../../../../roles/exporters/postgresQueries.ts";
import { readable } from "../../../../scripts/metrics.ts";

const docs = resolve(import.meta.dirname, "../../../../docs");

test("Prometheus' text format: labels, escapes, exponents, what is no number", () => {
  const text = [
    "# HELP a_total Something.",
    "# TYPE a_total counter",
    "a_total 12",
    'b{x="1",y="a \\"quoted\\", one\\nand \\\\ more"} 8.058547e+06',
    'c{le="+Inf"} NaN 1700000000000',
    "d +Inf",
    "",
  ].join("\n");
  expect(parseExposition(text)).toEqual([
    { name: "a_total", labels: {}, value: 12 },
    { name: "b", labels: { x: "1", y: 'a "quoted", one\nand \\ more' }, value: 8058547 },
    { name: "c", labels: { le: "+Inf" }, value: Number.NaN },
    { name: "d", labels: {}, value: Number.POSITIVE_INFINITY },
  ]);
  expect(() => parseExposition("<html>not here</html>")).toThrow("this is no line of metrics: <html>");
});

test("whatever stands in a label comes back", () => {
  const escaped = (text: string) => text.replace(/[\\"\n]/g, (one) => (one === "\n" ? "\\n" : `\\${one}`));
  fc.assert(
    fc.property(fc.string(), fc.string(), (a, b) => {
      fc.pre(!/[\r\u2028\u2029]/.test(a + b));
      const [sample] = parseExposition(`m{a="${escaped(a)}",b="${escaped(b)}"} 1`);
      expect(sample?.labels).toEqual({ a, b });
    }),
  );
});

const sample = (name: string, value: number, labels: Record<string, string> = {}): Sample => ({
  name,
  value,
  labels,
});
const entry = (name: string) => dictionary.find((one) => one.name === name)!;

test("the pool's use is that of the application's user", () => {
  const samples = [
    sample("pgbouncer_databases_pool_size", 5, { database: "app", name: "app" }),
    sample("pgbouncer_databases_pool_size", 2, { database: "pgbouncer", name: "pgbouncer" }),
    sample("pgbouncer_pools_server_active_connections", 4, { database: "app", user: "app" }),
    sample("pgbouncer_pools_server_active_connections", 3, { database: "app", user: "app_owner" }),
  ];
  expect(entry("pool_utilization_percent").read(samples)).toEqual([
    { labels: { database: "app" }, value: 80 },
  ]);
});

test("each pooler's use is told apart", () => {
  const samples = [sample("pgbouncer_stats_client_wait_seconds_total", 2, { database: "app" })];
  const told = measure([
    { machine: "core-1", exporter: "pgbouncer", samples },
    { machine: "core-1", exporter: "pgbouncer-read", samples: [{ ...samples[0]!, value: 3 }] },
  ]);
  expect(told.map(({ metric, labels, value }) => [metric.name, labels.for, value])).toEqual([
    ["connection_wait_time", "writes", 2],
    ["connection_wait_time", "reads", 3],
  ]);
});

test("ratios of nothing are left out", () => {
  expect(entry("cache_hit_ratio").read([sample("redis_keyspace_hits_total", 0)])).toEqual([]);
  expect(entry("query_duration_seconds").read([])).toEqual([]);
});

test("each metric of PostgreSQL is one that a query gives", () => {
  const given = METRIC_QUERIES.flatMap(({ name, columns }) =>
    columns.filter(([, usage]) => usage !== "LABEL").map(([column, usage]) => [`${name}_${column}`, usage]),
  );
  for (const { name, type, exporter } of dictionary) {
    if (exporter === "postgres") expect(given, name).toContainEqual([name, type.toUpperCase()]);
  }
});

test("names of the requirements' dictionary, each once and with its type", () => {
  const asked: Record<string, string> = {
    active_connections: "gauge",
    pool_utilization_percent: "gauge",
    query_cache_hit_ratio: "gauge",
    database_size_bytes: "gauge",
    table_size_bytes: "gauge",
    index_usage_ratio: "gauge",
    replication_lag_seconds: "gauge",
    query_duration_seconds: "histogram",
    connection_errors: "counter",
    slow_queries_count: "counter",
    deadlock_count: "counter",
  };
  for (const [name, type] of Object.entries(asked)) expect(entry(name).type, name).toBe(type);
  const names = dictionary.map((one) => one.name);
  expect(new Set(names).size).toBe(names.length);
});

test("the documentation names every metric with its type", () => {
  const text = readFileSync(resolve(docs, "metrics.md"), "utf8");
  for (const { name, type } of dictionary) {
    expect(text, name).toMatch(new RegExp(`\\| \`${name}\` \\| ${type} \\|`));
  }
});

test("the rules for Prometheus compute the dictionary's names as the command does", () => {
  const rules = parse(readFileSync(resolve(docs, "prometheus-rules.yaml"), "utf8")) as {
    groups: { rules: { record?: string; alert?: string; expr: string }[] }[];
  };
  const recorded = rules.groups.flatMap((group) => group.rules).filter((rule) => rule.record);
  const computed = dictionary.filter(({ name, promql }) => name !== promql && !promql.startsWith("query_"));
  expect(recorded.map(({ record, expr }) => [record, expr])).toEqual(
    computed.map(({ name, promql }) => [name, promql]),
  );
});

const machine = { name: "core-1", privateAddress: "10.0.1.11", roles: ["patroni", "metrics"] };
const world = (answers: Record<number, string>) =>
  ({
    topology: { stack: "dev", machines: [machine, { ...machine, name: "old", roles: [] }] },
    run: async (_: unknown, command: string) => {
      const answer = answers[Number(/:(\d+)\/metrics/.exec(command)![1])];
      if (answer === undefined) throw new Error("curl: (7) refused\nmore");
      return answer;
    },
  }) as unknown as World;

test("machines are asked for what they carry; one that is silent has failed, the others are told", async () => {
  const scrapes = await scrapeAll(world({ 9100: "node_load1 0.5\n" }));
  expect(scrapes.map(({ machine, exporter }) => `${machine} ${exporter}`)).toEqual([
    "core-1 node",
    "core-1 postgres",
  ]);
  expect(reportOf("dev", scrapes)).toEqual({
    stack: "dev",
    metrics: [{ name: "host_load", type: "gauge", unit: "count", machine: "core-1", labels: {}, value: 0.5 }],
    unavailable: [{ machine: "core-1", exporter: "postgres", reason: "curl: (7) refused" }],
  });
  const found = await metrics.run(world({ 9100: "node_load1 0.5\n" }));
  expect(found.detail).toBe(
    "core-1: prometheus-node-exporter: it does not tell host_memory_used_percent;" +
      " core-1: prometheus-postgres-exporter does not answer: curl: (7) refused",
  );
  const none = { topology: { machines: [] } } as unknown as World;
  expect(await metrics.run(none)).toEqual({ ok: true, detail: "none are taken" });
});

const scraped = (samples: Sample[]) => ({ machine: "core-1", exporter: "redis" as const, samples });
const healthy = [
  sample("redis_up", 1),
  sample("redis_memory_used_bytes", 50),
  sample("redis_memory_max_bytes", 100),
  sample("redis_evicted_keys_total", 0),
];

test("an exporter that does not reach its server, tells too little, or nonsense", () => {
  expect(judge(scraped(healthy), "dev")).toMatchObject({ ok: true });
  expect(judge(scraped([sample("redis_up", 0)]), "dev").detail).toBe(
    "core-1: prometheus-redis-exporter does not reach what it measures",
  );
  expect(judge(scraped(healthy.slice(0, 3)), "dev").detail).toBe(
    "core-1: prometheus-redis-exporter: it does not tell cache_evictions",
  );
  const odd = [...healthy.slice(0, 3), sample("redis_evicted_keys_total", -1)];
  expect(judge(scraped(odd), "dev").detail).toBe("core-1: prometheus-redis-exporter: cache_evictions is -1");
});

test("every exporter of the dictionary is one that there is", () => {
  for (const { exporter } of dictionary) expect(Object.keys(exporters)).toContain(exporter);
  expect(measure([])).toEqual([]);
});

test("what is dropped while its size is asked for has none, and is left out", () => {
  const sizes = METRIC_QUERIES.filter(({ sql }) => /_size\(\w+\) AS bytes/.test(sql));
  expect(sizes.map(({ name }) => name)).toEqual(["database_size", "table_size", "index_size"]);
  for (const { sql } of sizes) expect(sql).toContain("WHERE bytes IS NOT NULL");
});

test.each([
  [0.0021234, "seconds", "2.12 ms"],
  [61, "seconds", "61 s"],
  [8058547, "bytes", "7.69 MB"],
  [0, "bytes", "0 B"],
  [0.98765, "ratio", "0.988"],
  [12.3456, "percent", "12.3 %"],
])("%d %s is shown as %s", (value, unit, shown) => {
  expect(readable(value, unit)).toBe(shown);
});
