import { expect, test } from "vitest";
import { parse } from "yaml";
import { scaledPlan, sizesOf, withSizes } from "../../../../infra/phases/scaling.ts";
import { sizesInText } from "../../../../operations/deploy/sizeSettings.ts";
import { parseStackFile } from "../../../../operations/deploy/stackFile.ts";
import { validate } from "../../../../operations/deploy/validate.ts";
import { scaleFaults, stepsOf } from "../../../../operations/scale/plan.ts";
import { removedBy, type ScaleWorld } from "../../../../operations/scale/world.ts";

const text = [
  "# Ours",
  "config:",
  "  phasewise:cloud: embedded",
  "  phasewise:phase: 3",
  "  phasewise:environment: dev",
  "  phasewise:volume:",
  "    sizeGb: 10 # enough",
  "",
].join("\n");
const config = validate(parseStackFile("dev", "stacks/Pulumi.dev.yaml", text));
const from = sizesOf(config);

test("the file keeps its comments and its order; what is not there is added", () => {
  const changed = sizesInText(text, { volumeGb: 20, replicas: 2 });
  expect(changed.split("\n")[0]).toBe("# Ours");
  expect(parse(changed)).toEqual({
    config: {
      "phasewise:cloud": "embedded",
      "phasewise:phase": 3,
      "phasewise:environment": "dev",
      "phasewise:volume": { sizeGb: 20 },
      "phasewise:database": { replicas: 2 },
    },
  });
});

test("more replicas join before anything is taken away, and fewer are led away from before they leave", () => {
  const names = (to: typeof from, resize: string[] = []) =>
    stepsOf(config, { from, to, changed: {}, resize }).map(({ name }) => name);
  expect(names({ ...from, replicas: 2 })).toEqual([
    "expand",
    "join-standby-db-4",
    "verify-joined",
    "contract",
    "record",
    "verify",
  ]);
  const larger = withSizes(config, { ...from, replicas: 2 });
  const back = stepsOf(larger, { from: sizesOf(larger), to: from, changed: {}, resize: [] });
  expect(back.map(({ name }) => name)).toEqual([
    "expand",
    "cut-over",
    "verify-joined",
    "retire-db-4",
    "contract",
    "record",
    "verify",
  ]);
  expect(back.filter(({ final }) => final).map(({ name }) => name)).toEqual(["retire-db-4", "contract"]);
  expect(names({ ...from, serverType: "cpx32" }, ["core-1", "db-1"])).toEqual([
    "expand",
    "lead-away-core-1",
    "resize-core-1",
    "settle-core-1",
    "lead-away-db-1",
    "resize-db-1",
    "settle-db-1",
    "contract",
    "record",
    "verify",
  ]);
});

test("a replica that leaves loses its protection, alone and last; one that is dead holds nothing up", async () => {
  const larger = withSizes(config, { ...from, replicas: 2 });
  const removed = (state: "expanded" | "contracted") => {
    const { loadBalancers, machines, networks, volumes } = removedBy(larger, "dev", {
      to: from,
      state,
      resized: [],
    });
    return [machines, volumes, networks, loadBalancers].map((one) => one.removed);
  };
  expect(removed("expanded")).toEqual([[], [], [], []]);
  expect(removed("contracted")).toEqual([["db-4"], ["db-4-data"], [], []]);
  const steps = stepsOf(larger, { from: sizesOf(larger), to: from, changed: {}, resize: [] });
  const left: string[] = [];
  const members = { abandon: async (name: string) => void left.push(name) };
  await steps.find(({ name }) => name === "retire-db-4")!.act({ members } as unknown as ScaleWorld);
  expect(left).toEqual(["db-4"]);
});

test("machines get their new type one by one; volumes are never smaller than they were", () => {
  const to = { ...from, serverType: "cpx32", volumeGb: 20 };
  const { plan } = scaledPlan(config, { to, state: "expanded", resized: ["db-2"] }, "dev");
  const types = Object.fromEntries(plan.machines.map(({ name, serverType }) => [name, serverType]));
  expect(types).toMatchObject({ "db-1": "cpx22", "db-2": "cpx32" });
  const sizes = plan.machines.flatMap(({ volumes }) => volumes.map(({ sizeGb }) => sizeGb));
  expect(new Set(sizes)).toEqual(new Set([20]));
});

test("what cannot be is told", () => {
  const phase2 = { ...config, phase: 2 as const };
  expect(scaleFaults(phase2, { replicas: 2 }).map(({ path }) => path)).toEqual(["--replicas"]);
  expect(scaleFaults({ ...config, server: { type: "cpx32" } }, { serverType: "cpx22" })).toMatchObject([
    { path: "--server-type", found: expect.stringContaining("cpx22") },
  ]);
  expect(scaleFaults(config, { replicas: 2, serverType: "cpx32", volumeGb: 20 })).toEqual([]);
});
