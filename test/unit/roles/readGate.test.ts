import { expect, test } from "vitest";
import { pythonTests } from "../pythonTests.ts";

const folder = new URL("./python/", import.meta.url);
const roles = new URL("../../../roles/", import.meta.url);

test("the read gate's judgement, in Python's own unittest", async () => {
  expect(await pythonTests("test_read_gate", folder, roles)).toMatch(/^OK$/m);
});
