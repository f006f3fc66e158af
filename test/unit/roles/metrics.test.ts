import { expect, test } from "vitest";
import { metrics } from "../../../roles/exporters/metrics.ts";
import { fileOf } from "./machine.ts";

const address = "10.0.1.11";

test("a machine has the exporters of what it carries, on its private address", () => {
  const gateway = metrics({ address, database: null, pgbouncer: true, redis: false });
  expect(gateway.packages).toEqual(["prometheus-node-exporter", "prometheus-pgbouncer-exporter"]);
  expect(gateway.units.map((unit) => unit.name)).toEqual([
    "prometheus-node-exporter.service",
    "prometheus-pgbouncer-exporter.service",
    "prometheus-pgbouncer-read-exporter.service",
  ]);
  for (const file of gateway.files.filter((one) => one.path.startsWith("/etc/default/"))) {
    expect(file.content).toContain(`--web.listen-address=${address}:`);
  }
});

test("they hold nothing, so that they may be restarted and taken away", () => {
  const role = metrics({ address, database: "app", pgbouncer: true, redis: true });
  expect(role.units.every((unit) => !unit.stateful)).toBe(true);
  expect(role.files.flatMap((file) => file.onChange ?? []).every((one) => one.action === "restart")).toBe(
    true,
  );
});

test("passwords are in the environment, which root alone reads, and never in an argument", () => {
  const role = metrics({ address, database: "app", pgbouncer: true, redis: true });
  const secret = role.files.filter((file) => file.content.includes("{{secret:"));
  expect(secret.map((file) => [file.path, file.mode])).toEqual([
    ["/etc/default/prometheus-postgres-exporter", "0600"],
    ["/etc/default/prometheus-redis-exporter", "0600"],
  ]);
  for (const file of secret) expect(/ARGS="(.*)"/.exec(file.content)![1]).not.toContain("secret:");
});

test("PostgreSQL is asked as the monitoring role, the pooler by its socket", () => {
  const role = metrics({ address, database: "app", pgbouncer: true, redis: false });
  const postgres = fileOf(role, "/etc/default/prometheus-postgres-exporter").content;
  expect(postgres).toContain('DATA_SOURCE_USER="monitor"');
  expect(postgres).toContain("127.0.0.1:5432/app?sslmode=verify-full");
  expect(fileOf(role, "/etc/default/prometheus-pgbouncer-exporter").content).toContain(
    "host=/run/pgbouncer&port=6432&user=stats",
  );
});
