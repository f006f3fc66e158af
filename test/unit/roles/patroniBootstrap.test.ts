import { expect, test } from "vitest";
import { pythonTests } from "../pythonTests.ts";

const folder = new URL("./python/", import.meta.url);
const roles = new URL("../../../roles/", import.meta.url);

test("what a first start does, in Python's own unittest", async () => {
  expect(await pythonTests("test_patroni_bootstrap", folder, roles)).toMatch(/^OK$/m);
});
