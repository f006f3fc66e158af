import { expect, test } from "vitest";
import { deployedFrom } from "../../infra/changes.ts";
import { ordinaryProgram } from "../../infra/ordinary.ts";
import { config } from "../unit/infra/settings.ts";
import { run } from "./mocks.ts";

/** As Pulumi hands it over; the same as the unit tests' settings. */
const settings = {
  "hcloud:token": "t".repeat(64),
  "phasewise:phase": "1",
  "phasewise:environment": "production",
  "phasewise:access": '{"operators":["203.0.113.7/32"],"database":["203.0.113.16/28"]}',
  "phasewise:objectStorage": '{"bucket":"acme-production-backups","accessKey":"a","secretKey":"b"}',
};

/** An ordinary `pulumi up` of a stack of which the engine knows these outputs. */
async function up(outputs: Record<string, unknown>, change: Record<string, string> = {}) {
  const asked: unknown[] = [];
  const { registered } = await run(ordinaryProgram, {
    stack: "production",
    config: { ...settings, ...change },
    secrets: ["hcloud:token", "phasewise:objectStorage"],
    call: (token, inputs) => {
      asked.push([token, inputs]);
      return { outputs };
    },
  });
  return { asked, registered };
}

const deployed = deployedFrom(config(), "production");

test("a stack that was never up is declared", async () => {
  const { asked, registered } = await up({});
  expect(asked).toEqual([["pulumi:pulumi:readStackOutputs", { name: "organization/phasewise/production" }]]);
  expect(registered.length).toBeGreaterThan(20);
});

test("a stack that is up takes what can be changed", async () => {
  const { registered } = await up({ deployed }, { "phasewise:volume": '{"sizeGb":40}' });
  expect(registered.length).toBeGreaterThan(20);
});

test("what would lose data, or is another command's work, is refused before anything is declared", async () => {
  const before = { ...deployed, phase: 2, volumeGb: 500 };
  const failure = await up({ deployed: before }).catch((error: Error) => error);
  expect(failure).toBeInstanceOf(Error);
  const { message } = failure as Error;
  expect(message).toContain("stacks/Pulumi.production.yaml has 2 faults; nothing was changed.");
  expect(message).toContain("npx phasewise promote production");
  expect(message).toContain("500 (GB), the size that is deployed, or more: volumes only grow");
});
