import { expect, test } from "vitest";
import { pythonTests } from "../pythonTests.ts";

const folder = new URL("./python/", import.meta.url);
const roles = new URL("../../../roles/", import.meta.url);

test("what follows from the Sentinels' answers, in Python's own unittest", async () => {
  expect(await pythonTests("test_sentinels", folder, roles)).toMatch(/^OK$/m);
});
