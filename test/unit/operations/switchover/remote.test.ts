import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";

const folder = new URL("./remote/", import.meta.url).pathname;
const programs = new URL("../../../../operations/switchover/remote/", import.meta.url).pathname;

describe("the programs of a cutover, in Python's own unittest", () => {
  const modules = readdirSync(folder).filter((name) => /^test_.*\.py$/.test(name));

  test("have tests", () => {
    expect(modules.length).toBeGreaterThan(0);
  });

  test.each(modules)("%s", async (name) => {
    const { stderr } = await promisify(execFile)(
      "python3",
      ["-B", "-m", "unittest", "-v", name.replace(/\.py$/, "")],
      { cwd: folder, env: { ...process.env, PYTHONPATH: programs } },
    );
    expect(stderr).toMatch(/^OK$/m);
  });
});
