import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";
import { expect, test } from "vitest";
import { changesOf, changesText, isUnchanged, noChanges } from "../../../operations/deploy/changes.ts";
import { deployProblem, failuresOf, reasonsOf } from "../../../operations/deploy/failure.ts";
import { parseUrn, resourceLabel } from "../../../operations/deploy/names.ts";
import { Progress, plain } from "../../../operations/deploy/progress.ts";

const urn =
  "urn:pulumi:dev::phasewise::phasewise:index:DataLayer$hcloud:index/server:Server::phasewise-core-1";

function step(
  kind: "resourcePreEvent" | "resOutputsEvent" | "resOpFailedEvent",
  op: string,
  more = {},
): EngineEvent {
  const metadata = {
    op,
    urn,
    type: "hcloud:index/server:Server",
    new: { custom: true },
    provider: "",
    ...more,
  };
  return { sequence: 0, timestamp: 0, [kind]: { metadata } } as unknown as EngineEvent;
}

function diagnostic(severity: string, message: string, of = urn): EngineEvent {
  return {
    sequence: 0,
    timestamp: 0,
    diagnosticEvent: { urn: of, message, color: "never", severity },
  } as EngineEvent;
}

test("a resource is told by its own type and name, without its parents", () => {
  expect(parseUrn(urn)).toEqual({ type: "hcloud:index/server:Server", name: "phasewise-core-1" });
  expect(resourceLabel(urn)).toBe("Server phasewise-core-1");
  expect(resourceLabel("urn:pulumi:dev::phasewise::phasewise-native:index:Host::a::b")).toBe("Host a::b");
});

test("a quick resource is one line, when it is finished", () => {
  const progress = new Progress(false);
  expect(progress.event(step("resourcePreEvent", "create"), 1000)).toEqual([]);
  expect(progress.tick(1500)).toEqual([]);
  expect(progress.event(step("resOutputsEvent", "create"), 2234)).toEqual([
    "created Server phasewise-core-1 (1.2 s)",
  ]);
});

test("passwords and keys that are made in no time are told of together", () => {
  const progress = new Progress(false);
  const of = (type: string, name: string) => ({
    urn: `urn:pulumi:dev::phasewise::phasewise-native:index:${type}::${name}`,
  });
  for (const name of ["a", "b", "c"]) {
    progress.event(step("resourcePreEvent", "create", of("Password", name)), 0);
    expect(progress.event(step("resOutputsEvent", "create", of("Password", name)), 100)).toEqual([]);
  }
  progress.event(step("resourcePreEvent", "delete", of("KeyPair", "boot")), 0);
  progress.event(step("resOutputsEvent", "delete", of("KeyPair", "boot")), 100);
  expect(progress.tick(500)).toEqual(["created 3 of Password", "deleted KeyPair boot"]);
  expect(progress.tick(1000)).toEqual([]);
  const planned = new Progress(true);
  for (const name of ["a", "b"]) planned.event(step("resourcePreEvent", "create", of("Password", name)), 0);
  expect(planned.tick(500)).toEqual(["+ 2 of Password"]);
});

test("a password that fails is told of by its name", () => {
  const progress = new Progress(false);
  const of = { urn: "urn:pulumi:dev::phasewise::phasewise-native:index:Password::a" };
  progress.event(step("resourcePreEvent", "create", of), 0);
  expect(progress.event(step("resOpFailedEvent", "create", of), 100)).toEqual([
    "failed creating Password a (0.1 s)",
  ]);
});

test("what a refresh found is told", () => {
  const progress = new Progress(false);
  const state = { custom: true, inputs: {}, outputs: { status: "running", labels: {} } };
  const found = { ...state, outputs: { status: "running", labels: { by: "hand" } } };
  const refreshed = (more: object) =>
    progress.event(
      step("resOutputsEvent", "refresh", { old: state, new: state, detailedDiff: {}, ...more }),
      0,
    );
  expect(refreshed({})).toEqual([]);
  expect(
    refreshed({ new: found, detailedDiff: { "labels.by": { diffKind: "add", inputDiff: false } } }),
  ).toEqual(["found: Server phasewise-core-1 was changed: labels by"]);
  expect(refreshed({ new: undefined })).toEqual(["found: Server phasewise-core-1 is gone"]);
});

test("a slow resource is named once while it is worked on, with what it is at", () => {
  const progress = new Progress(false);
  progress.event(step("resourcePreEvent", "update"), 0);
  expect(progress.tick(1600)).toEqual(["updating Server phasewise-core-1 ..."]);
  expect(progress.tick(2600)).toEqual([]);
  expect(progress.event(diagnostic("info", "reading lists"), 2700)).toEqual([]);
  progress.event(diagnostic("info", "installing packages"), 2800);
  expect(progress.tick(3000)).toEqual(["  Server phasewise-core-1: installing packages"]);
  progress.event(diagnostic("info", "starting units"), 3100);
  expect(progress.tick(3600)).toEqual([]);
  expect(progress.tick(5100)).toEqual(["  Server phasewise-core-1: starting units"]);
  expect(progress.event(step("resOpFailedEvent", "update"), 6000)).toEqual([
    "failed updating Server phasewise-core-1 (6.0 s)",
  ]);
});

test("what stays as it is, components and providers are not told", () => {
  const progress = new Progress(false);
  expect(progress.event(step("resourcePreEvent", "same"), 0)).toEqual([]);
  expect(progress.event(step("resOutputsEvent", "same"), 5)).toEqual([]);
  progress.event(step("resourcePreEvent", "create", { new: { custom: false } }), 0);
  expect(progress.event(step("resOutputsEvent", "create", { new: { custom: false } }), 5)).toEqual([]);
});

test("a preview tells at once, with the changed properties", () => {
  const progress = new Progress(true);
  const detailedDiff = { "rules[0].port": { kind: "update" } };
  expect(progress.event(step("resourcePreEvent", "update", { detailedDiff }), 0)).toEqual([
    "~ Server phasewise-core-1: rules[0].port",
  ]);
  expect(progress.event(step("resourcePreEvent", "replace"), 0)).toEqual([]);
  expect(progress.event(step("resourcePreEvent", "delete"), 0)).toEqual(["- Server phasewise-core-1"]);
});

test("colour marks of the engine are taken out", () => {
  expect(plain("<{%fg 1%}>error: <{%reset%}>no\u001b[0m\n")).toBe("error: no");
});

test("changes are counted in five words", () => {
  const summary = {
    create: 2,
    import: 1,
    update: 3,
    replace: 1,
    delete: 4,
    same: 10,
    "create-replacement": 1,
  };
  const events = [{ summaryEvent: { resourceChanges: summary } }] as unknown as EngineEvent[];
  const changes = changesOf(events);
  expect(changes).toEqual({ create: 3, update: 3, replace: 1, delete: 4, same: 10 });
  expect(isUnchanged(changes)).toBe(false);
  expect(isUnchanged({ ...noChanges, same: 7 })).toBe(true);
  expect(changesText(changes, "done")).toBe("3 created, 3 updated, 1 replaced, 4 deleted, 10 unchanged");
  expect(changesText({ ...noChanges, create: 1 }, "planned")).toBe("1 to create");
  expect(changesText(noChanges, "done")).toBe("nothing");
});

test("the frames that engine and bridges put around a message are removed", () => {
  expect(
    reasonsOf(
      "creating urn:pulumi:dev::p::t::n: 1 error occurred:\n\t* error: sdk-v2/provider2.go:572: sdk.helper_schema: invalid input in field name (invalid_input): provider=hcloud@1.41.0\n",
    ),
  ).toEqual(["invalid input in field name (invalid_input)"]);
  expect(reasonsOf("update failed")).toEqual([]);
});

test("a failure says what happened, what was left and what to do", () => {
  const events = [
    step("resOpFailedEvent", "create"),
    diagnostic("error", `creating ${urn}: 1 error occurred:\n\t* the quota is exceeded\n`),
    diagnostic("error", "update failed", ""),
  ];
  const failures = failuresOf(events);
  expect(failures).toEqual([
    { urn, what: "Server phasewise-core-1 could not be created", reasons: ["the quota is exceeded"] },
  ]);
  const problem = deployProblem({
    command: "up",
    stack: "dev",
    failures,
    finished: 7,
    fallback: "",
    code: 255,
  });
  expect(problem).toMatchObject({
    happened: "Server phasewise-core-1 could not be created: the quota is exceeded",
    details: [],
    left: "7 resources were finished before and are recorded; nothing else was begun.",
    todo: [
      "Remove the cause, then run `npx phasewise up dev` again: it goes on where it stopped.",
      "Or give up what was made: npx phasewise destroy dev",
    ],
    exitCode: 1,
  });
});

test("several failures are all told; without any, the engine's last words", () => {
  const other = urn.replace("core-1", "core-2");
  const failures = failuresOf([
    diagnostic("error", "first\nsecond"),
    step("resOpFailedEvent", "delete", { urn: other }),
    diagnostic("error", "third", other),
  ]);
  const problem = deployProblem({
    command: "destroy",
    stack: "dev",
    failures,
    finished: 1,
    fallback: "",
    code: 255,
  });
  expect(problem.happened).toBe("Server phasewise-core-1 was refused.");
  expect(problem.details).toEqual([
    "first",
    "second",
    "Server phasewise-core-2 could not be deleted:",
    "  third",
  ]);
  expect(problem.left).toBe("1 resource was finished before and is recorded; nothing else was begun.");
  const silent = deployProblem({
    command: "preview",
    stack: "dev",
    failures: [],
    finished: 0,
    fallback: "a\nb",
    code: 1,
  });
  expect(silent).toMatchObject({
    happened: "The preview of dev failed.",
    details: ["a", "b"],
    left: "Nothing was changed; a preview never does.",
  });
});

test("an engine that was killed: what was under way may be there", () => {
  expect(
    deployProblem({ command: "up", stack: "dev", failures: [], finished: 3, fallback: "noise", code: 137 }),
  ).toMatchObject({
    happened: "Pulumi's engine was killed in the middle of the up of dev.",
    left: "3 resources were finished; what was under way may be there without being recorded.",
    details: [],
  });
});
