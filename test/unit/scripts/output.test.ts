import { expect, test } from "vitest";
import { SshError } from "../../../clients/ssh/errors.ts";
import { columnWidths, problemJson, problemText, table } from "../../../scripts/output.ts";
import { splitPassThrough } from "../../../scripts/passThrough.ts";
import { verdict, verifyTable } from "../../../scripts/verifyTable.ts";
import { Problem } from "../../../toolchain/problem.ts";

const problem = new Problem({
  happened: "The volume is full.",
  details: ["/data: 0 bytes free"],
  left: "Nothing was changed.",
  todo: ["Make it larger."],
});

test("a failure: what happened, what explains it, what was left, what to do", () => {
  expect(problemText(problem, false)).toBe(
    "error: The volume is full.\n  /data: 0 bytes free\nNothing was changed.\nWhat to do:\n  Make it larger.",
  );
  expect(problemJson(problem)).toEqual({
    error: {
      happened: "The volume is full.",
      left: "Nothing was changed.",
      details: ["/data: 0 bytes free"],
      todo: ["Make it larger."],
    },
  });
});

test("an unexpected failure is owned up to; its stack trace comes with --debug", () => {
  expect(problemText(new TypeError("x is undefined"), false)).toBe(
    "error: x is undefined\n  This is a fault of Phasewise itself. Run it again with --debug for the stack trace, and report it.",
  );
  expect(problemText(new Error("outer", { cause: new Error("inner") }), true)).toMatch(
    /caused by: Error: inner\n\s+at /,
  );
});

test("a machine that does not answer is no fault of the program", () => {
  expect(problemText(new SshError("core-1 cannot be reached by SSH", "unreachable"), false)).toBe(
    "error: core-1 cannot be reached by SSH\n  Run the same command again once the machine answers; --debug shows the stack trace.",
  );
});

test("a table has no frame and no colours where nobody looks", async () => {
  const text = await table(
    ["Name", "Value"],
    [
      ["a", "1"],
      ["long name", "2"],
    ],
  );
  expect(text.split("\n").map((line) => line.trimEnd())).toEqual([
    " Name       Value",
    " a          1",
    " long name  2",
  ]);
});

test("the last column is wrapped to what the terminal has left", () => {
  expect(columnWidths(["A", "B"], [["x", "short"]], 80)).toEqual([null, null]);
  expect(columnWidths(["A", "B"], [["x".repeat(10), "y".repeat(100)]], 80)).toEqual([null, 68]);
  expect(columnWidths(["A", "B"], [["x".repeat(70), "y".repeat(100)]], 80)).toEqual([null, 30]);
});

test("the verdict, and what to do about each fault", async () => {
  const report = {
    ok: false,
    checks: [
      { name: "etcd", ok: true, detail: "1 of 1 members healthy" },
      { name: "backup", ok: false, detail: "there is none", fix: "make one" },
    ],
  };
  const text = await verifyTable(report);
  expect(text).toContain("there is none");
  expect(text).toContain("-> make one");
  expect(verdict(report, "dev")).toBe("dev is not as it should be: 1 of 2 checks failed.");
  expect(verdict({ ok: true, checks: report.checks.slice(0, 1) }, "dev")).toBe(
    "dev is as it should be: 1 checks passed.",
  );
});

test("only psql and ssh hand on what stands after --", () => {
  expect(splitPassThrough(["psql", "dev", "--", "-c", "SELECT 1"])).toEqual(["psql", "dev"]);
  expect(splitPassThrough(["up", "--", "dev"])).toEqual(["up", "--", "dev"]);
});
