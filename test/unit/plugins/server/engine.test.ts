import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Bench, bench, findPulumi } from "../pulumi.ts";

const cli = findPulumi();
const reason = cli === null ? " (skipped: no Pulumi CLI found on this machine)" : "";

class Thing extends pulumi.CustomResource {
  declare length: pulumi.Output<number>;
  declare made: pulumi.Output<string>;
  constructor(name: string, args: Record<string, unknown>, options?: pulumi.CustomResourceOptions) {
    super("fixture:index:Thing", name, { length: undefined, made: undefined, ...args }, options);
  }
}

const password = pulumi.secret("hunter2222");
const fixture = new URL("fixture", import.meta.url).pathname;

/** The kept text of a failed operation, as people see it. */
async function failure(operation: Promise<unknown>): Promise<string> {
  return await operation.then(
    () => "it did not fail",
    (error: Error) => error.message,
  );
}

describe.skipIf(cli === null)(`a plugin under the real engine${reason}`, { timeout: 60_000 }, () => {
  let one: Bench;
  const log = () => join(one.folder, "log");
  const events = () => {
    if (!existsSync(log())) return [];
    return readFileSync(log(), "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
  };
  const resource = async (name: string) => {
    const { deployment } = await one.stack.exportStack();
    const resources: { urn: string; [key: string]: unknown }[] = deployment.resources;
    return resources.find(({ urn }) => urn.endsWith(`::${name}`));
  };

  beforeAll(async () => {
    one = await bench(cli!, [{ name: "fixture", path: fixture }]);
    one.stack.workspace.envVars = { ...one.stack.workspace.envVars, FIXTURE_LOG: log() };
  });
  afterAll(async () => await one[Symbol.asyncDispose]());

  it("previews known outputs and makes nothing", async () => {
    one.program = async () => {
      const first = new Thing("first", { text: "hello", password });
      new Thing("second", { text: pulumi.interpolate`n${first.length}-${first.made}`, kind: "a" });
      return { length: first.length };
    };
    const { stdout } = await one.stack.preview({ color: "never" });
    expect(stdout).toContain("length: 5");
    expect(events().filter(({ event }) => event === "create")).toEqual([
      { event: "create", preview: true, timeout: 0, unknown: false },
      { event: "create", preview: true, timeout: 0, unknown: true },
    ]);
  });

  it("creates, keeps secrets secret and shows status lines", async () => {
    const { stdout, summary } = await one.stack.up({ color: "never" });
    expect(summary.resourceChanges).toEqual({ create: 3 });
    expect(stdout).toContain("working on hello");
    expect(stdout).toContain("warning: made with [secret]");
    expect(stdout).not.toContain("hunter2222");
    expect(one.stored()).toContain("id-hello");
    expect(one.stored()).not.toContain("hunter2222");
    expect(one.stored()).not.toContain('"by hand"');
    expect(await resource("first")).toMatchObject({ id: "id-hello", outputs: { text: "hello", length: 5 } });
  });

  it("shows changed keys and the reasons of a replacement", async () => {
    one.program = async () => {
      new Thing("first", { text: "hello", password });
      new Thing("second", { text: "n5-by hand", kind: "b" }, { customTimeouts: { create: "90s" } });
    };
    const { changeSummary, stdout } = await one.stack.preview({ color: "never", diff: true });
    expect(changeSummary).toEqual({ same: 2, replace: 1 });
    expect(stdout).toContain('~ kind: "a" => "b"');
    await one.stack.up();
    expect(events().slice(-4)).toMatchObject([
      { event: "check" },
      { event: "delete", id: "id-n5-by hand" },
      { event: "create", preview: false, timeout: 90 },
      { event: "close" },
    ]);
  });

  it("finds drift and what is gone", async () => {
    one.stack.workspace.envVars = { ...one.stack.workspace.envVars, FIXTURE_TEXT: "drifted" };
    const { changeSummary } = await one.stack.previewRefresh();
    expect(changeSummary).toEqual({ same: 1, update: 2 });
    one.stack.workspace.envVars = { ...one.stack.workspace.envVars, FIXTURE_GONE: "1" };
    expect((await one.stack.previewRefresh()).changeSummary).toEqual({ same: 1, delete: 2 });
    const { FIXTURE_TEXT, FIXTURE_GONE, ...rest } = one.stack.workspace.envVars;
    expect([FIXTURE_TEXT, FIXTURE_GONE]).toEqual(["drifted", "1"]);
    one.stack.workspace.envVars = rest;
  });

  it("imports by id", async () => {
    one.program = async () => {
      new Thing("first", { text: "hello", password });
      new Thing("found", { text: "there" }, { import: "id-there" });
    };
    expect((await one.stack.up()).summary.resourceChanges).toEqual({ same: 2, import: 1, delete: 1 });
    expect(await resource("found")).toMatchObject({ id: "id-there", outputs: { length: 5 } });
    expect(events()).toContainEqual({ event: "read", imported: true });
  });

  it("refuses bad inputs by property, before anything is made", async () => {
    one.program = async () => void new Thing("bad", { text: "bad" });
    expect(await failure(one.stack.preview({ color: "never" }))).toContain("The text is bad.");
  });

  it("fails with all lines, keeps what is half made, and loses no stray error", async () => {
    one.program = async () => {
      new Thing("lines", { text: "lines", fault: "lines", password });
      new Thing("stray", { text: "stray", fault: "stray", password });
      new Thing("partial", { text: "partial", fault: "partial", password, size: 200_000 });
    };
    const message = await failure(one.stack.up({ color: "never", continueOnError: true }));
    expect(message).toContain("First line about [secret].\n    Second line.\n    Third line.");
    expect(message).toContain("* The first thing is missing.");
    expect(message).toContain("did not expect: thrown in a timer");
    expect(message).not.toContain("hunter2222");
    expect(await resource("lines")).toBeUndefined();
    expect(await resource("stray")).toMatchObject({ id: "id-stray" });
    expect(await resource("partial")).toMatchObject({
      id: "half-1",
      initErrors: ["The first thing is missing.", "So is the second."],
      outputs: { made: expect.anything(), bulk: "x".repeat(200_000) },
    });
  });

  it("tells a running operation that it is cancelled, and keeps what it made", async () => {
    one.program = async () => void new Thing("waits", { text: "waits", fault: "wait" });
    const interrupt = new AbortController();
    const onOutput = (text: string) => text.includes("working on waits") && interrupt.abort();
    await failure(one.stack.up({ color: "never", onOutput, signal: interrupt.signal }));
    expect(events().map(({ event }) => event)).toContain("aborted");
    expect(await resource("waits")).toMatchObject({ id: "id-waits" });
  });

  it("destroys all of it", async () => {
    await one.stack.destroy();
    expect((await one.stack.exportStack()).deployment.resources ?? []).toEqual([]);
  });
});

describe.skipIf(cli === null)(`the configuration of a plugin${reason}`, { timeout: 60_000 }, () => {
  it("is checked and passed on", async () => {
    await using one = await bench(cli!, [{ name: "fixture", path: fixture }]);
    one.stack.workspace.envVars = { ...one.stack.workspace.envVars, FIXTURE_LOG: join(one.folder, "log") };
    one.program = async () => void new Thing("x", { text: "x" });
    await one.stack.setConfig("fixture:mood", { value: "sour" });
    expect(await failure(one.stack.preview({ color: "never" }))).toContain("Nobody likes a sour mood.");
    await one.stack.setConfig("fixture:mood", { value: "sweet", secret: true });
    await one.stack.preview();
    const entries = readFileSync(join(one.folder, "log"), "utf8").trim().split("\n");
    expect(entries.map((line) => JSON.parse(line))).toContainEqual({
      event: "configure",
      config: { mood: "sweet" },
    });
  });
});
