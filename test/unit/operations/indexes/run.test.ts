import { DatabaseError } from "pg";
import { describe, expect, it } from "vitest";
import type { Step } from "../../../../operations/indexes/plan/steps.ts";
import { reasonOf } from "../../../../operations/indexes/run/disk.ts";
import { duplicatesQuery } from "../../../../operations/indexes/run/duplicates.ts";
import { explain, StepFailed } from "../../../../operations/indexes/run/failure.ts";
import { progressLine } from "../../../../operations/indexes/run/progress.ts";
import { type Runner, runStep } from "../../../../operations/indexes/run/runStep.ts";
import { catalogueOf } from "./world.ts";

const GB = 1024 ** 3;

function sqlError(code: string, message = "no"): DatabaseError {
  const error = new DatabaseError(message, 0, "error");
  error.code = code;
  return error;
}

/** A server that answers builds from a list, and remembers what it was asked and which index is half-made. */
function server(answers: (DatabaseError | "ok")[], { stopped = null as string | null, retries = 2 } = {}) {
  const log: string[] = [];
  let half = false;
  const client = {
    query: async (text: string) => {
      const sql = text.replaceAll(/\s+/g, " ");
      if (sql.startsWith("SELECT NOT indisvalid")) return { rows: half ? [{ half: true }] : [] };
      if (sql.startsWith("SELECT pg_get_indexdef")) return { rows: [{ made: "definition" }] };
      log.push(sql);
      if (sql.startsWith("DROP")) half = false;
      if (!sql.startsWith("CREATE")) return { rows: [] };
      const answer = answers.shift() ?? "ok";
      half = answer !== "ok";
      if (answer !== "ok") throw answer;
      return { rows: [] };
    },
  };
  const journal = {
    run: "r",
    made: false,
    begin: async (step: Step) => log.push(`begin ${step.title}`),
    end: async (_step: number, result: object) => void log.push(`end ${JSON.stringify(result)}`),
    close: async () => {},
  };
  const runner = {
    client,
    journal,
    patience: { lockSeconds: 2, briefLockSeconds: 1, retries },
    signal: new AbortController().signal,
    onLine: () => {},
    watch: async () => ({ holder: () => "process 7", stopped: () => stopped, end: async () => {} }),
    reasonNotToBegin: async () => null,
  } as unknown as Runner;
  return { runner, log };
}

const build: Step = {
  title: "build i on t",
  sql: ["CREATE INDEX CONCURRENTLY i ON t (a)"],
  undo: { kind: "index", schema: "public", name: "i" },
  leftover: { schema: "public", name: "i" },
  lock: "patient",
};
const timeout = "SET lock_timeout = '2000ms'";
const create = build.sql[0]!;
const drop = 'DROP INDEX CONCURRENTLY IF EXISTS "public"."i"';

describe("a step", () => {
  it("is written down before its effect, and after it", async () => {
    const { runner, log } = server(["ok"]);
    await runStep(build, runner);
    expect(log).toEqual(["begin build i on t", timeout, create, 'end {"made":"definition"}']);
  });

  it("behind a lock is tried again, without what the attempt before it left", async () => {
    const { runner, log } = server([sqlError("55P03"), "ok"]);
    await runStep(build, runner);
    expect(log).toEqual([
      "begin build i on t",
      timeout,
      create,
      timeout,
      drop,
      create,
      'end {"made":"definition"}',
    ]);
  });

  it("gives up after its retries, drops what is left and names who is in the way", async () => {
    const { runner, log } = server([sqlError("55P03"), sqlError("40P01")], { retries: 1 });
    const failure = await runStep(build, runner).catch((error) => error);
    expect(failure).toBeInstanceOf(StepFailed);
    expect(failure.message).toBe("the table's lock was not free in 2 attempts; process 7 holds it");
    expect(log.slice(-2)).toEqual([
      drop,
      `end {"error":"the table's lock was not free in 2 attempts; process 7 holds it"}`,
    ]);
  });

  it("that fails for another reason is not tried again", async () => {
    const { runner, log } = server([sqlError("23505", "duplicate")]);
    await expect(runStep(build, runner)).rejects.toThrow("duplicate");
    expect(log.filter((sql) => sql === create)).toHaveLength(1);
    expect(log).toContain(drop);
  });

  it("that was stopped says why", async () => {
    const { runner } = server([sqlError("57014")], { stopped: "the disk is nearly full" });
    await expect(runStep(build, runner)).rejects.toThrow("the disk is nearly full");
  });

  it("whose session is lost ends the run: nothing can be said of its effect", async () => {
    const { runner, log } = server([sqlError("57P01")]);
    const failure = await runStep(build, runner).catch((error) => error);
    expect(failure).not.toBeInstanceOf(StepFailed);
    expect(log.at(-1)).toBe(create);
  });

  it("of several statements is one transaction", async () => {
    const { runner, log } = server(["ok", sqlError("42P07")]);
    const step: Step = { ...build, sql: ["CREATE A", "CREATE B"], leftover: null, lock: "brief" };
    await expect(runStep(step, runner)).rejects.toThrow(StepFailed);
    expect(log.slice(1, 6)).toEqual([
      "SET lock_timeout = '1000ms'",
      "BEGIN",
      "CREATE A",
      "CREATE B",
      "ROLLBACK",
    ]);
  });
});

it("a disk keeps room for the write-ahead log", () => {
  expect(reasonOf(1 * GB, 10 * GB, "core-1:/data")).toBeNull();
  expect(reasonOf(0.4 * GB, 10 * GB, "core-1:/data")).toBe(
    "core-1:/data has 410 MB free, and 512 MB are kept for the write-ahead log",
  );
  expect(reasonOf(0.2 * GB, 1 * GB, "core-1:/data")).toContain("256 MB are kept");
});

it("a full disk and too little memory say what to change", () => {
  expect(explain(sqlError("53100"), 1, null).todo).toContain("phasewise:volume.sizeGb");
  expect(explain(sqlError("54000"), 1, null).todo).toContain("maintenance_work_mem");
  expect(explain(sqlError("53400"), 1, null).todo).toContain("temp_file_limit");
});

it("progress is told in tenths of a phase", () => {
  const row = { phase: "building index", blocksDone: 5, blocksTotal: 10, tuplesDone: 0, tuplesTotal: 0 };
  expect(progressLine(row)).toBe("building index, 50 %");
  expect(progressLine({ ...row, tuplesDone: 79, tuplesTotal: 100 })).toBe("building index, 70 %");
  expect(progressLine({ ...row, blocksTotal: 0 })).toBe("building index");
});

it("duplicates are looked for among the rows that the index would hold", () => {
  const [entry] = catalogueOf(
    "indexes:\n  - { name: i, table: t, columns: [a, { expression: lower(b) }], unique: true, where: not gone, why: w }\n",
  ).indexes;
  expect(entry?.type === "columns" && duplicatesQuery(entry)).toBe(
    'SELECT "a", (lower(b)), count(*) AS rows FROM "public"."t" WHERE "a" IS NOT NULL AND (lower(b)) IS NOT NULL AND (not gone) GROUP BY "a", (lower(b)) HAVING count(*) > 1',
  );
});
