import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const folder = new URL("./python/", import.meta.url).pathname;
const sources = new URL("../../../roles/", import.meta.url).pathname;

test("a copy goes to every repository that takes it, in Python's own unittest", async () => {
  const { stderr } = await promisify(execFile)(
    "python3",
    ["-B", "-m", "unittest", "-v", "test_daily_copies"],
    { cwd: folder, env: { ...process.env, PYTHONPATH: sources } },
  );
  expect(stderr).toMatch(/^OK$/m);
});
