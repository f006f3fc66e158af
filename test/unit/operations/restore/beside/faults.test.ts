import { expect, test } from "vitest";
import { type BesideFacts, besideFaults } from "../../../../../operations/restore/beside/faults.ts";

const origin = { stack: "production", cluster: "main", to: "latest" };
const endpoint = "https://fsn1.your-objectstorage.com";
const facts = {
  stack: "before",
  origin,
  source: {
    databases: ["app"],
    postgresVersion: 17,
    extensions: [],
    buckets: [
      { endpoint, name: "acme" },
      { endpoint: "https://nbg1.your-objectstorage.com", name: "acme-second" },
    ],
  },
  target: null,
  bytes: 5e9,
  config: {
    database: { name: "app", postgresVersion: 17 },
    volume: { sizeGb: 10 },
    limits: { servers: 5 },
    buckets: [{ endpoint, name: "acme-before" }],
  },
  resources: 0,
  held: 0,
  servers: { there: 4, coming: 1 },
} as unknown as BesideFacts;

function faults(change: Partial<BesideFacts>, config: Partial<BesideFacts["config"]> = {}) {
  return besideFaults({ ...facts, ...change, config: { ...facts.config, ...config } });
}

test("a new stack is made where nothing stands in its way", () => {
  expect(faults({})).toEqual([]);
});

test("everything that stands in its way is told at once", () => {
  const buckets = [{ endpoint, name: "acme" }, facts.source.buckets[1]!];
  expect(
    faults(
      {
        target: "It is in the future.",
        bytes: 20e9,
        resources: 12,
        held: 3,
        servers: { there: 4, coming: 3 },
        source: { ...facts.source, databases: ["shop"], postgresVersion: 16 },
      },
      { buckets },
    ),
  ).toEqual([
    "It is in the future.",
    "before is there already, with 12 resources: choose another name, or --in-place",
    "before and production would share the bucket acme: each needs buckets of its own",
    "before and production would share the bucket acme-second: each needs buckets of its own",
    "production has the database shop, before wants app (phasewise:database.name)",
    "production has PostgreSQL 16, before wants 17 (phasewise:database.postgresVersion)",
    "the volume of before (10.7 GB) is too small: the restored database needs 22.3 GB (phasewise:volume.sizeGb)",
    "Hetzner's limit of 5 servers would be hit: the project has 4, 3 come (have it raised in Hetzner's console, then set phasewise:limits.servers)",
  ]);
});

test("a bucket that an earlier stack left is not taken over", () => {
  expect(faults({ held: 3 })).toEqual([
    "the bucket acme-before holds backups already: empty it, or name another (phasewise:objectStorage.bucket)",
  ]);
});

test("the same restore is gone on with; another one is not begun over it", () => {
  expect(faults({ resources: 12, held: 40 }, { origin })).toEqual([]);
  expect(faults({ resources: 12 }, { origin: { ...origin, to: "0/3000148" } })).toEqual([
    "before is being made from production as of 0/3000148 already: go on with that (--to 0/3000148), or npx phasewise destroy before and remove phasewise:origin from its file",
  ]);
});
