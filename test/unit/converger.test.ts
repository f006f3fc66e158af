import { readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { pythonTests } from "./pythonTests.ts";

const folder = new URL("./converger/", import.meta.url);
const converger = new URL("../../clients/converger/remote/", import.meta.url);

describe("the converger, in Python's own unittest", () => {
  const modules = readdirSync(folder).filter((name) => /^test_.*\.py$/.test(name));

  test("has tests", () => {
    expect(modules.length).toBeGreaterThan(0);
  });

  test.each(modules)("%s", async (name) => {
    expect(await pythonTests(name.replace(/\.py$/, ""), folder, converger)).toMatch(/^OK$/m);
  });
});
