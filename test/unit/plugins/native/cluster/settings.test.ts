import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  parseTrial,
  refusalMessage,
  replaced,
  type SettingState,
  settingText,
  trialScript,
  unsettled,
} from "../../../../../plugins/native/cluster/settings.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "phasewise-test-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Runs a trial with programs of our own in the places of `runuser` and `postgres`. */
function trial(values: Record<string, unknown>, postgres: string): string {
  mkdirSync(join(folder, "bin"));
  mkdirSync(join(folder, "lib"));
  writeFileSync(join(folder, "lib", "there.so"), "");
  writeFileSync(join(folder, "bin", "runuser"), '#!/bin/sh\nshift 3\nexec "$@"\n', { mode: 0o755 });
  writeFileSync(join(folder, "postgres"), `#!/bin/sh\n${postgres}\n`, { mode: 0o755 });
  const script = trialScript(values, {
    binaries: folder,
    libraries: join(folder, "lib"),
    dataDirectory: "/data",
  });
  return execFileSync("sh", ["-e", "-c", script], {
    encoding: "utf8",
    env: { PATH: `${join(folder, "bin")}:/usr/bin:/bin` },
  });
}

test("each value is asked for by itself, and comes back as PostgreSQL reads it", () => {
  const output = trial({ work_mem: "8MB", note: "it's $HOME", jit: true }, 'echo "$4=${6#*=}"');
  expect(parseTrial(output)).toEqual(
    new Map([
      ["work_mem", { value: "work_mem=8MB" }],
      ["note", { value: "note=it's $HOME" }],
      ["jit", { value: "jit=on" }],
    ]),
  );
});

test("refusals say PostgreSQL's sentence, all at once", () => {
  const values = { work_mem: "8XB", jit: "off", typo: 1 };
  const output = trial(
    values,
    'case "$4" in jit) echo off;; *) echo "2026-11-21 07:00:00 UTC [1] FATAL:  no to $4" >&2; echo "HINT:  try yes" >&2; exit 1;; esac',
  );
  expect(refusalMessage(values, parseTrial(output))).toBe(
    [
      "PostgreSQL refuses 2 settings:",
      "  work_mem = 8XB: no to work_mem try yes",
      "  typo = 1: no to typo try yes",
      "Nothing was changed: the cluster runs with its old configuration. Correct the value under postgresql.parameters.",
    ].join("\n"),
  );
});

test("a library that is not there is refused before a restart finds out", () => {
  const values = { shared_preload_libraries: 'there, "missing"' };
  expect(refusalMessage(values, parseTrial(trial(values, "echo ok")))).toContain(
    'shared_preload_libraries = there, "missing": there is no library missing',
  );
});

test("good values are no message", () => {
  expect(refusalMessage({ a: 1 }, new Map([["a", { value: "1" }]]))).toBeNull();
});

test("Patroni's texts of booleans", () => {
  expect([true, false, 1.5, "x"].map(settingText)).toEqual(["on", "off", "1.5", "x"]);
});

test("a setting is settled when it is in force or waits for a restart", () => {
  const state = (value: string | null, pending = false): SettingState => ({
    value,
    pending,
    file: value,
    error: null,
  });
  const wanted = new Map([
    ["a", "1"],
    ["b", "2"],
    ["c", "3"],
  ]);
  expect(unsettled(wanted, { a: state("1"), b: state("0", true), c: state("0") })).toEqual(["c"]);
});

test("a restart that would bring another value is found", () => {
  const read = new Map([
    ["a", { value: "logical" }],
    ["b", { value: "replica" }],
    ["c", { refusal: "no" }],
  ]);
  expect(
    replaced(
      new Map([
        ["a", "logical"],
        ["b", "minimal"],
        ["c", "1"],
      ]),
      read,
    ),
  ).toEqual(["b", "c"]);
});
