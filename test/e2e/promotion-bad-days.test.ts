import { cpSync, rmSync, symlinkSync } from "node:fs";
import { join, resolve } from "node:path";
import { execa } from "execa";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Outcome, Stack } from "./stack.ts";
import { currentTurn } from "./turn.ts";

/**
 * What may go wrong while a stack is promoted: in each case the operator is told, --resume brings it to its end or
 * --abort takes it back, and no acknowledged row is lost. A run takes one of them, PHASEWISE_TEST_BAD_DAYS=all takes all.
 */
const stack = new Stack("promotion-bad-days");
const root = resolve(import.meta.dirname, "../..");
const elsewhere = "/var/tmp/phasewise-test/promotion-bad-days-elsewhere";

interface Result {
  from: number;
  to: number;
  canary: { acknowledged: number; missing: number; errors: number };
}

const command = (...args: string[]) => ["promote", stack.name, ...args, "--yes", "--json"];

async function promoted(...args: string[]): Promise<Result> {
  const result = JSON.parse(await stack.expectOk(...command(...args))) as Result;
  expect(result.canary.missing).toBe(0);
  return result;
}

/** Runs it, does `strike` when standard error says `sign`, and waits for its end. */
async function struckAt(
  sign: string,
  strike: (pid: number) => Promise<void>,
  ...args: string[]
): Promise<Outcome> {
  const started = performance.now();
  const running = stack.start(command(...args));
  let stderr = "";
  let struck: Promise<void> | null = null;
  running.stderr!.on("data", (chunk) => {
    stderr += String(chunk);
    if (struck === null && stderr.includes(sign)) struck = strike(running.pid!);
  });
  const ended = await running;
  expect(struck, `${sign} never came:\n${stderr}`).not.toBeNull();
  await struck;
  const elapsed = performance.now() - started;
  return { code: ended.exitCode ?? 128, stdout: String(ended.stdout), stderr, elapsed };
}

interface Day {
  name: string;
  run(): Promise<void>;
}

/** Each begins in phase 1 and ends there. */
const days: Day[] = [
  {
    name: "Ctrl-C in one step after the other: recorded, no lock left behind, gone on with at once",
    async run() {
      let args = ["--to", "2"];
      for (const step of [1, 2, 4, 6, 7]) {
        const { code, stderr } = await struckAt(
          `[${step}/`,
          async (pid) => void process.kill(pid, "SIGINT"),
          ...args,
        );
        expect(code, stderr).toBe(130);
        expect(stderr).toContain("Interrupted.");
        expect(stderr).toContain(`npx phasewise promote ${stack.name} --resume   goes on`);
        expect(stderr).not.toContain("waiting for the lock");
        args = ["--resume"];
      }
      expect((await promoted("--abort")).canary.errors).toBe(0);
    },
  },
  {
    name: "another operator goes on from another checkout, and the first one's file is not taken for the truth",
    async run() {
      await promoted("--to", "2", "--pause-before", "cut-over");
      rmSync(elsewhere, { recursive: true, force: true });
      const tracked = await execa("git", ["ls-files"], { cwd: root });
      for (const file of tracked.stdout.split("\n")) cpSync(join(root, file), join(elsewhere, file));
      cpSync(stack.file, join(elsewhere, "stacks", `Pulumi.${stack.name}.yaml`));
      symlinkSync(join(root, "node_modules"), join(elsewhere, "node_modules"));
      const there = await execa(process.execPath, ["bin/phasewise.mjs", ...command("--resume")], {
        cwd: elsewhere,
        env: stack.env,
      });
      expect((JSON.parse(there.stdout) as Result).canary).toMatchObject({ missing: 0, errors: 0 });
      const stale = await stack.run(...command("--to", "1"));
      expect(stale.code).toBe(2);
      expect(stale.stderr).toContain("says phase 1, but the stack is in phase 2");
      cpSync(join(elsewhere, "stacks", `Pulumi.${stack.name}.yaml`), stack.file);
      await promoted("--to", "1");
    },
  },
];

const turn = currentTurn();
const chosen = process.env.PHASEWISE_TEST_BAD_DAYS === "all" ? days : [days[turn % days.length]!];

beforeAll(async () => {
  await stack.reset();
  await stack.up();
  await stack.backedUp();
});

afterAll(async () => {
  rmSync(elsewhere, { recursive: true, force: true });
  await stack.remove();
});

describe("a promotion on a bad day", () => {
  afterEach(async () => {
    await stack.eventually(async () => expect(await stack.faults()).toEqual([]));
    expect(await stack.servers()).toHaveLength(1);
  });

  test.each(chosen)("$name", ({ run }) => run());
});
