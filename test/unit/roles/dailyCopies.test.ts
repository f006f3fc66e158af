import { expect, test } from "vitest";
import { pythonTests } from "../pythonTests.ts";

const folder = new URL("./python/", import.meta.url);
const sources = new URL("../../../roles/", import.meta.url);

test("a copy goes to every repository that takes it, in Python's own unittest", async () => {
  expect(await pythonTests("test_daily_copies", folder, sources)).toMatch(/^OK$/m);
});
