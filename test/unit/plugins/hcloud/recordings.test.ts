import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { loadTypes } from "../../../../plugins/hcloud/registry.ts";
import { resourceType } from "../../../../plugins/hcloud/resource.ts";
import { PartialFailure, type Properties } from "../../../../plugins/server/resource.ts";
import { type Driven, type DrivenStep, drive } from "../../../../plugins/server/testing.ts";
import { Cast, type RecordedCase, recordedCases, ScriptedApi } from "./recording.ts";

const types = await loadTypes();
const names = readdirSync(new URL("fixtures", import.meta.url)).filter((name) => name.endsWith(".json"));

it("every resource type has its recordings", () => {
  const recorded = names.map((name) => name.replace(".json", "")).sort();
  expect(types.map((type) => moduleOf(type.token)).sort()).toEqual(recorded);
});

for (const file of names) {
  const name = file.replace(".json", "");
  const type = types.find((candidate) => moduleOf(candidate.token) === name);
  const variants = Map.groupBy(recordedCases(name), (recorded) => recorded.variant);
  for (const [variant, cases] of variants) {
    describe(`${name}, ${variant}`, () => {
      const stack = newStack(type!);
      cases.forEach((recorded, index) => {
        it(`${index + 1}. ${recorded.case}`, async () => await play(stack, recorded));
      });
    });
  }
}

interface PlayedStack {
  cast: Cast;
  api: ScriptedApi;
  driver: (deleteBeforeReplace: boolean) => Driven;
}

function newStack(type: (typeof types)[number]): PlayedStack {
  const cast = new Cast();
  const api = new ScriptedApi(cast);
  const settings = {
    endpoint: "http://api.test/v1",
    token: "t",
    pollDelay: () => 0,
    transport: api.transport,
    sleep: async () => {},
  };
  const resource = resourceType(type, () => settings);
  let last: Driven | undefined;
  const driver = (deleteBeforeReplace: boolean) => {
    last = drive(resource, { name: "x", deleteBeforeReplace, state: last?.state ?? undefined });
    return last;
  };
  return { cast, api, driver };
}

async function play({ cast, api, driver }: PlayedStack, recorded: RecordedCase): Promise<void> {
  const driven = driver(recorded.options?.deleteBeforeReplace ?? false);
  const inputs = cast.fill(recorded.inputs ?? {}) as Properties;
  if (recorded.case === "refresh") {
    api.play(recorded.requests);
    await driven.refresh();
    expectRequests(api);
    expectState(driven, recorded, cast);
    if (driven.state !== null) await expectPreview(driven, api, inputs, recorded, cast);
    return;
  }
  if (recorded.case !== "delete") await expectPreview(driven, api, inputs, recorded, cast);
  const before = driven.messages.length;
  api.play(recorded.requests);
  const error = await failure(recorded.case === "delete" ? driven.destroy() : driven.up(inputs));
  expectRequests(api);
  expectError(error, recorded, cast);
  expect(driven.messages.length - before > 0, driven.messages.join("\n")).toBe((recorded.warnings ?? 0) > 0);
  // Where the official plugin crashes this one takes what is gone for deleted.
  if (typeof recorded.error === "object") expect(driven.state).toBeNull();
  else expectState(driven, recorded, cast);
}

/** A preview shows the recorded changes and sends nothing. */
async function expectPreview(
  driven: Driven,
  api: ScriptedApi,
  inputs: Properties,
  recorded: RecordedCase,
  cast: Cast,
): Promise<void> {
  api.play([]);
  const before = driven.messages.length;
  const step = await driven.preview(inputs);
  driven.messages.splice(before);
  expect(api.unexpected).toBeNull();
  const { kind, replaceKeys, reasons, detailed } = recorded.diff;
  expect(shown(step)).toEqual({ kind, replaceKeys, reasons, detailed: cast.fill(detailed) });
}

function shown({ diff, steps }: DrivenStep): RecordedCase["diff"] {
  if (diff === null) return { kind: "create", replaceKeys: [], reasons: [], detailed: null };
  // Without a change the step can still be an update: after a failure the engine always calls it.
  if (!diff.changes) return { kind: null, replaceKeys: [], reasons: [], detailed: null };
  const kind = diff.replaces.length > 0 ? "replace" : steps[0]!;
  return { kind, replaceKeys: diff.replaces, reasons: diff.changed ?? [], detailed: diff.detailed };
}

function expectRequests(api: ScriptedApi): void {
  expect(api.unexpected).toBeNull();
  expect(api.left).toEqual([]);
}

function expectError(error: Error | null, recorded: RecordedCase, cast: Cast): void {
  if (recorded.error === undefined || typeof recorded.error === "object") {
    expect(error).toBeNull();
    return;
  }
  expect(error?.message.split("\n")[0]).toBe(cast.fill(recorded.error));
  // A replacement that fails leaves the old resource with the failures that it had before.
  const partial = recorded.state?.initErrors !== undefined && !recorded.case.startsWith("replace");
  expect(error instanceof PartialFailure).toBe(partial);
}

function expectState(driven: Driven, recorded: RecordedCase, cast: Cast): void {
  if (recorded.state === null) {
    expect(driven.state).toBeNull();
    return;
  }
  const { id, inputs, outputs, initErrors } = recorded.state;
  cast.learn(outputs, driven.state?.outputs);
  expect(driven.state?.id).toBe(cast.fill(id));
  expect(driven.state?.inputs).toEqual(cast.fill(inputs));
  expect(driven.state?.outputs).toEqual(cast.fill(outputs));
  expect(driven.state?.initErrors).toHaveLength(initErrors ?? 0);
}

async function failure(operation: Promise<unknown>): Promise<Error | null> {
  return await operation.then(
    () => null,
    (error: Error) => error,
  );
}

/** `server` of `hcloud:index/server:Server`. */
function moduleOf(token: string): string {
  return token.split("/")[1]!.split(":")[0]!;
}
