import { day, midnight, workingTime } from "../generate/clock.ts";
import type { Example, Settings, Table } from "../generate/example.ts";
import { inOrder } from "../generate/plan.ts";
import { Random } from "../generate/random.ts";
import { tableOf } from "../generate/table.ts";
import { months } from "./months.ts";

export const example: Example = {
  title: "Data layer matrix: deployments, metrics by month, audit",
  version: 1,
  unit: "services",
  scales: { small: 12, medium: 100, large: 600 },
  extensions: [],
  query: `SELECT date_trunc('day', timestamp) AS day, avg(value) FROM metric_data
  WHERE metric_name = 'query_duration_seconds' AND labels->>'instance' = 'service-1-a'
  GROUP BY 1 ORDER BY 1 DESC LIMIT 7;`,
  tables(settings) {
    const seeded = (table: string) => () => new Random(`${settings.seed}/data-layer/${table}`);
    return [
      deploymentRecords(settings, seeded("deployment_records")),
      metricData(settings, seeded("metric_data")),
      auditLogs(settings, seeded("audit_logs")),
    ];
  },
};

const instances = ["a", "b"];
/** Name, usual value, spread: as in the metric dictionary. */
const metrics: [string, number, number][] = [
  ["active_connections", 18, 0.4],
  ["pool_utilization_percent", 55, 0.2],
  ["query_cache_hit_ratio", 0.8, 0.05],
  ["query_duration_seconds", 0.012, 0.9],
  ["replication_lag_seconds", 0.04, 1.1],
  ["slow_queries_count", 2, 0.8],
];
const samples = 300;
const span = 100 * day;
const perService = { deployments: 120, audits: 600 };

function deploymentRecords({ seed, size, until }: Settings, seeded: () => Random): Table {
  const rows = size * perService.deployments;
  const end = midnight(until);
  const times = inOrderOf(`${seed}/deployments`, rows, end - 300 * day, end);
  const columns = ["user_id", "service_name", "version", "status", "timestamp"];
  return tableOf({ name: "deployment_records", columns, rows }, seeded, (out, random, index) => {
    out.integer(random.between(1, 5 + size));
    out.text(`service-${1 + Math.floor(size * random.float() ** 2)}`);
    out.text(`${random.between(1, 4)}.${random.between(0, 30)}.${random.between(0, 9)}`);
    out.text(random.chance(0.9) ? "succeeded" : random.pick(["failed", "rolled_back", "running"]));
    out.timestamp(times[index]!);
  });
}

/** One moment after the other, and at each moment every series: as a collector writes them. */
function metricData({ size, until }: Settings, seeded: () => Random): Table {
  const series = size * instances.length * metrics.length;
  const end = midnight(until);
  const table = {
    name: "metric_data",
    columns: ["timestamp", "metric_name", "value", "labels"],
    rows: series * samples,
    partitioned: true,
    prepare: months(end - span, end).map(
      ({ name, from, to }) =>
        `CREATE TABLE metric_data_${name} PARTITION OF metric_data FOR VALUES FROM ('${from}') TO ('${to}')`,
    ),
  };
  return tableOf(table, seeded, (out, random, index) => {
    const sample = Math.floor(index / series);
    const service = 1 + Math.floor((index % series) / (instances.length * metrics.length));
    const instance = `service-${service}-${instances[Math.floor(index / metrics.length) % instances.length]}`;
    const [name, usual, spread] = metrics[index % metrics.length]!;
    out.timestamp(end - span + Math.floor((span * sample) / samples));
    out.text(name);
    out.double(random.logNormal(usual, spread));
    out.jsonb({ instance, service: `service-${service}` });
  });
}

function auditLogs({ seed, size, until }: Settings, seeded: () => Random): Table {
  const rows = size * perService.audits;
  const end = midnight(until);
  const times = inOrderOf(`${seed}/audits`, rows, end - 180 * day, end);
  const columns = ["action", "resource_type", "resource_id", "user_id", "timestamp"];
  return tableOf({ name: "audit_logs", columns, rows }, seeded, (out, random, index) => {
    out.text(random.pick(["LOGIN", "READ", "READ", "UPDATE", "DEPLOY", "SENSITIVE_DATA_ACCESS"]));
    out.text(random.pick(["deployment_records", "configurations", "users"]));
    out.text(String(random.between(1, 5000)));
    if (random.chance(0.05)) out.null();
    else out.integer(random.between(1, 5 + size));
    out.timestamp(times[index]!);
  });
}

function inOrderOf(what: string, rows: number, from: number, to: number): Float64Array {
  const random = new Random(`data-layer/times/${what}`);
  return inOrder(rows, () => workingTime(random, from, to));
}
