import { expect, test } from "vitest";
import { phaseNames } from "../../../infra/blueprint.ts";
import { availablePhases } from "../../../infra/phases/available.ts";
import { read } from "./documents.ts";

test("the README says of each phase whether it can be built", () => {
  const rows = [...read("README.md").matchAll(/^\| (\d) ([a-z-]+) \|.*\| ([^|]+) \|$/gm)];
  expect(rows.map(([, number, name]) => `${number} ${name}`)).toEqual(
    Object.entries(phaseNames).map(([number, name]) => `${number} ${name}`),
  );
  for (const [row, number, , today] of rows) {
    const available = (availablePhases as number[]).includes(Number(number));
    expect(today!.startsWith(available ? "works" : "not there yet"), row).toBe(true);
  }
});
