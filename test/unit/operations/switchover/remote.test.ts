import { readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { pythonTests } from "../../pythonTests.ts";

const folder = new URL("./remote/", import.meta.url);
const programs = new URL("../../../../operations/switchover/remote/", import.meta.url);

describe("the programs of a cutover, in Python's own unittest", () => {
  const modules = readdirSync(folder).filter((name) => /^test_.*\.py$/.test(name));

  test("have tests", () => {
    expect(modules.length).toBeGreaterThan(0);
  });

  test.each(modules)("%s", async (name) => {
    expect(await pythonTests(name.replace(/\.py$/, ""), folder, programs)).toMatch(/^OK$/m);
  });
});
