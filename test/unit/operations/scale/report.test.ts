import { expect, test } from "vitest";
import { sizesOf } from "../../../../infra/phases/scaling.ts";
import { parseStackFile } from "../../../../operations/deploy/stackFile.ts";
import { validate } from "../../../../operations/deploy/validate.ts";
import { Announced } from "../../../../operations/rollout/announced.ts";
import { isUnhurt } from "../../../../operations/rollout/clients.ts";
import { stepsOf } from "../../../../operations/scale/plan.ts";
import type { ScaleReport } from "../../../../operations/scale/report.ts";

const text = "config:\n  phasewise:cloud: embedded\n  phasewise:phase: 2\n  phasewise:environment: dev\n";
const config = validate(parseStackFile("dev", "stacks/Pulumi.dev.yaml", text));
const from = sizesOf(config);
const request = {
  from,
  to: { ...from, serverType: "cpx32" },
  changed: { serverType: "cpx32" },
  resize: ["db-2", "core-1", "db-1"],
};

/** Errors that are announced where each step of a change of type makes as many as it is given. */
async function announcedOf(errorsIn: (step: string) => number): Promise<number> {
  let errors = 0;
  const steps = stepsOf(config, request).map((step) => ({
    ...step,
    act: async () => {
      errors += errorsIn(step.name);
    },
  }));
  const notices = [{ machine: "core-1", notice: "clients lose their connections and connect anew" }];
  const announced = new Announced(notices, async () => errors);
  for (const step of announced.around(steps)) await step.act(null as never);
  return announced.errors;
}

test("only what falls into the work on a machine of which clients were told is announced", async () => {
  expect(await announcedOf((step) => (step === "resize-core-1" ? 5 : 0))).toBe(5);
  expect(await announcedOf((step) => (step.endsWith("-core-1") ? 2 : 0))).toBe(6);
  expect(await announcedOf((step) => (step === "resize-db-1" ? 5 : 0))).toBe(0);
});

test("errors that nobody announced fail a change of size, and so does a missing row", () => {
  const hurt = (canary: object) => !isUnhurt({ canary } as Pick<ScaleReport, "canary">);
  expect(hurt({ missing: 0, errors: 5, announcedErrors: 5 })).toBe(false);
  expect(hurt({ missing: 0, errors: 6, announcedErrors: 5 })).toBe(true);
  expect(hurt({ missing: 1, errors: 0, announcedErrors: 0 })).toBe(true);
});
