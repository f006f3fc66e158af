import { expect, test } from "vitest";
import { pythonTests } from "../pythonTests.ts";

const folder = new URL("./python/", import.meta.url);
const roles = new URL("../../../roles/", import.meta.url);

test("who makes a backup, what was missed, what was given up: in Python's own unittest", async () => {
  expect(await pythonTests("test_backup", folder, roles)).toMatch(/^OK$/m);
});
