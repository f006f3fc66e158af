import { expect, test } from "vitest";
import { installHostPackages, installLine, requireRoot } from "../../../toolchain/hostPackages.ts";

test("not root: said before anything is begun", () => {
  expect(() => requireRoot("The cloud", 1000)).toThrow("The cloud needs root, and this is user 1000.");
  expect(() => requireRoot("The cloud", 0)).not.toThrow();
});

test("nothing missing: nothing is done", async () => {
  const lines: string[] = [];
  await installHostPackages({ missing: [], purpose: "x", onLine: (line) => lines.push(line) });
  expect(lines).toEqual([]);
});

test("the line to copy", () => {
  expect(installLine(["nftables", "mmdebstrap"])).toBe(
    "apt-get install -y --no-install-recommends nftables mmdebstrap",
  );
});
