import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const folder = new URL("./python/", import.meta.url).pathname;
const roles = new URL("../../../roles/", import.meta.url).pathname;

test("what follows from the Sentinels' answers, in Python's own unittest", async () => {
  const { stderr } = await promisify(execFile)("python3", ["-B", "-m", "unittest", "-v", "test_sentinels"], {
    cwd: folder,
    env: { ...process.env, PYTHONPATH: roles },
  });
  expect(stderr).toMatch(/^OK$/m);
});
