import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Engine, EngineError } from "../../../operations/deploy/engine.ts";

/** Stands for Pulumi's CLI: says what it was given, and on an interrupt finishes before it ends. */
const script = `#!/bin/sh
trap 'echo interrupted >> "$LOG"; echo more output; echo finished >> "$LOG"; exit 1' INT
echo "$@" >> "$LOG"
echo "process group $(ps -o pgid= -p $$ | tr -d ' ') of $$" >> "$LOG"
case "$1" in
  version) cat ;;
  fail) echo "error: it broke" >&2; exit 255 ;;
  up) while :; do sleep 0.05; done ;;
esac
`;

let folder: string;
let log: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "phasewise-engine-"));
  log = join(folder, "log");
  await mkdir(join(folder, "bin"));
  await writeFile(join(folder, "bin", "pulumi"), script);
  await chmod(join(folder, "bin", "pulumi"), 0o755);
});
afterEach(() => rm(folder, { recursive: true }));

const lines = async () => (await readFile(log, "utf8")).trim().split("\n");
const begun = () =>
  vi.waitFor(async () => expect((await lines()).length).toBeGreaterThan(1), { timeout: 5000 });

test("input goes to standard input, never to the arguments", async () => {
  const result = await new Engine(folder).run(
    ["version"],
    folder,
    { LOG: log },
    undefined,
    undefined,
    undefined,
    "s3cret",
  );
  expect(result).toEqual({ stdout: "s3cret", stderr: "", code: 0 });
  expect((await lines())[0]).toBe("version --non-interactive");
});

test("a failure keeps code and output", async () => {
  const failure = new Engine(folder).run(["fail"], folder, { LOG: log });
  await expect(failure).rejects.toThrow("pulumi fail ended with code 255:\nerror: it broke");
  await expect(failure).rejects.toBeInstanceOf(EngineError);
});

test("an abort is one interrupt, and what the engine does then is waited for", async () => {
  const controller = new AbortController();
  const run = new Engine(folder).run(["up"], folder, { LOG: log }, undefined, undefined, controller.signal);
  run.catch(() => {});
  await begun();
  controller.abort();
  await expect(run).rejects.toBeInstanceOf(EngineError);
  expect((await lines()).slice(2)).toEqual(["interrupted", "finished"]);
});

test("the engine has a process group of its own: a terminal's Ctrl-C does not reach it", async () => {
  await new Engine(folder).run(["version"], folder, { LOG: log }, undefined, undefined, undefined, "");
  const [, group, pid] = /process group (\d+) of (\d+)/.exec((await lines())[1]!)!;
  expect(group).toBe(pid);
});

test("when the command is killed, the engine is interrupted and finishes, though nobody reads its output", async () => {
  const path = new URL("../../../operations/deploy/engine.ts", import.meta.url).href;
  const child = spawn(process.execPath, [
    "--input-type=module",
    "-e",
    `const { Engine } = await import(${JSON.stringify(path)});
     await new Engine(${JSON.stringify(folder)}).run(["up"], ${JSON.stringify(folder)}, { LOG: ${JSON.stringify(log)} });`,
  ]);
  await begun();
  child.kill("SIGKILL");
  await once(child, "exit");
  await vi.waitFor(async () => expect((await lines()).slice(2)).toEqual(["interrupted", "finished"]), {
    timeout: 5000,
  });
  await sleep(50);
});
