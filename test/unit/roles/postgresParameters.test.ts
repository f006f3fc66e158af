import fc from "fast-check";
import { expect, test } from "vitest";
import { maxConnections, POOLS, poolPlan } from "../../../roles/pools.ts";
import { type PostgresSizing, postgresParameters } from "../../../roles/postgresParameters.ts";
import { GB, sizing } from "./machine.ts";

const MB = 1024 ** 2;

function bytes(value: unknown): number {
  const [, number, unit] = /^(\d+)(MB|GB)$/.exec(String(value))!;
  return Number(number) * (unit === "GB" ? GB : MB);
}

const anySizing: fc.Arbitrary<PostgresSizing> = fc.record({
  memoryBytes: fc.integer({ min: GB, max: 256 * GB }),
  cores: fc.integer({ min: 1, max: 64 }),
  volumeBytes: fc.integer({ min: 10 * GB, max: 10_000 * GB }),
  pool: fc.constantFrom(POOLS.dev, POOLS.staging, POOLS.production),
  databases: fc.integer({ min: 1, max: 10 }),
});

test("a machine of 4 GB and 2 cores", () => {
  expect(postgresParameters(sizing)).toMatchObject({
    max_connections: 76,
    shared_buffers: "1GB",
    effective_cache_size: "2730MB",
    maintenance_work_mem: "256MB",
    work_mem: "11MB",
    max_wal_size: "1GB",
    min_wal_size: "256MB",
    max_slot_wal_keep_size: "2GB",
    max_parallel_workers: 2,
    max_parallel_workers_per_gather: 1,
    autovacuum_max_workers: 3,
    shared_preload_libraries: "pg_stat_statements",
    ssl_min_protocol_version: "TLSv1.3",
    archive_command: '/usr/local/lib/phasewise/pgbackrest-archive-push "%p"',
  });
});

test("what every connection may sort at once and the buffers fit into the memory", () => {
  fc.assert(
    fc.property(anySizing, (any) => {
      const parameters = postgresParameters(any);
      const work = bytes(parameters.work_mem);
      fc.pre(work > 4 * MB);
      const sorting = Number(parameters.max_connections) * work;
      expect(bytes(parameters.shared_buffers) + sorting).toBeLessThanOrEqual(any.memoryBytes);
    }),
  );
});

test("log never takes more than a third of the volume", () => {
  fc.assert(
    fc.property(anySizing, (any) => {
      const parameters = postgresParameters(any);
      const log = bytes(parameters.max_wal_size) + bytes(parameters.max_slot_wal_keep_size);
      expect(log).toBeLessThanOrEqual(any.volumeBytes / 3);
    }),
  );
});

test("a bigger machine never gets less", () => {
  fc.assert(
    fc.property(anySizing, fc.integer({ min: 0, max: 64 * GB }), (any, more) => {
      const small = postgresParameters(any);
      const big = postgresParameters({ ...any, memoryBytes: any.memoryBytes + more });
      for (const name of ["shared_buffers", "work_mem", "maintenance_work_mem", "autovacuum_work_mem"]) {
        expect(bytes(big[name])).toBeGreaterThanOrEqual(bytes(small[name]));
      }
    }),
  );
});

test("two gateways can fill every pool, and operators still get in", () => {
  fc.assert(
    fc.property(anySizing, (any) => {
      const parameters = postgresParameters(any);
      const pooled = 2 * any.databases * poolPlan(any.pool).total;
      expect(
        Number(parameters.max_connections) - Number(parameters.superuser_reserved_connections),
      ).toBeGreaterThan(pooled);
    }),
  );
});

test("pools by environment", () => {
  expect(POOLS).toEqual({
    dev: { size: 5, reserve: 2 },
    staging: { size: 15, reserve: 5 },
    production: { size: 30, reserve: 15 },
  });
  expect(poolPlan(POOLS.production)).toEqual({
    application: { size: 30, reserve: 15 },
    readonly: { size: 10, reserve: 0 },
    owner: { size: 3, reserve: 0 },
    total: 60,
  });
  expect(maxConnections(POOLS.production, 2)).toBe(500);
});

test("a machine that is too small is refused with every reason", () => {
  expect(() =>
    postgresParameters({ ...sizing, memoryBytes: 512 * MB, cores: 0, volumeBytes: 5 * GB }),
  ).toThrow(
    "This machine is too small for PostgreSQL: 512 MB of memory, 1 GB is the least; 0 cores, 1 is the least; a volume of 5 GB, 10 GB is the least.",
  );
});
