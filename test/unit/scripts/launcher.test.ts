import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { expect, test } from "vitest";
import { nodeBinary, repository } from "../../../toolchain/paths.ts";

const launcher = join(repository, "bin", "phasewise.mjs");
const systemNode = ["/usr/bin/node", "/usr/local/bin/node"].find((path) => existsSync(path));

const phasewise = (args: string[], node = nodeBinary) =>
  execa(node, [launcher, ...args], { reject: false, stdin: "ignore" });

test("help and version: exit 0", async () => {
  const help = await phasewise(["--help"]);
  expect(help.exitCode).toBe(0);
  for (const command of ["up", "verify", "psql", "destroy", "cloud"])
    expect(help.stdout).toContain(`  ${command} `);
  expect(await phasewise(["--version"])).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(/^\d+\.\d+\.\d+$/),
  });
});

test.each([
  [["upp"], "error: unknown command 'upp'"],
  [["up", "dev", "--nope"], "error: unknown option '--nope'"],
  [["up", "dev", "extra", "--yes"], "error: too many arguments"],
  [["backup", "dev", "--type", "odd"], "argument 'odd' is invalid"],
  [["logs", "dev", "-n", "x"], "a whole number is wanted."],
  [["up", "no-such-stack", "--yes"], 'There is no stack "no-such-stack"'],
  [["destroy", "dev"], "there is no terminal to ask on"],
])("bad input %j: exit 2, told on standard error", async (args, message) => {
  const result = await phasewise(args);
  expect(result.exitCode).toBe(2);
  expect(result.stderr).toContain(message);
  expect(result.stdout).toBe("");
});

test("a failure with --json is JSON on standard output too", async () => {
  const result = await phasewise(["verify", "no-such-stack", "--json"]);
  expect(result.exitCode).toBe(2);
  expect(JSON.parse(result.stdout)).toMatchObject({
    error: {
      happened: 'There is no stack "no-such-stack": stacks/Pulumi.no-such-stack.yaml does not exist.',
    },
  });
});

test.skipIf(!systemNode)("an old Node hands over, with the exit code", async () => {
  expect(await phasewise(["up", "no-such-stack", "--yes"], systemNode)).toMatchObject({ exitCode: 2 });
  expect(await phasewise(["--version"], systemNode)).toMatchObject({ exitCode: 0 });
});

test("no stack trace without --debug, and one with it", async () => {
  expect((await phasewise(["status", "no-such-stack"])).stderr).not.toMatch(/\n\s+at /);
  expect((await phasewise(["status", "no-such-stack", "--debug"])).stderr).toMatch(/\n\s+at /);
});

test("two interrupts at once are one; the work is asked to finish", async () => {
  const path = new URL("../../../scripts/run.ts", import.meta.url).href;
  const child = spawn(
    nodeBinary,
    [
      "--input-type=module",
      "-e",
      `const { run } = await import(${JSON.stringify(path)});
       await run({ json: true }, ({ signal }) => new Promise((_, reject) => {
         const alive = setInterval(() => {}, 1000);
         signal.addEventListener("abort", () => setTimeout(() => { clearInterval(alive); reject(signal.reason); }, 300));
         console.error("working");
       }));`,
    ],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (text) => {
    stdout += text;
  });
  await new Promise<void>((resolve) =>
    child.stderr.on("data", (text) => {
      stderr += text;
      if (stderr.includes("working")) resolve();
    }),
  );
  child.kill("SIGINT");
  child.kill("SIGINT");
  const code = await new Promise((resolve) => child.on("close", resolve));
  expect(code).toBe(130);
  expect(stderr.match(/Interrupted: finishing what is under way/g)).toHaveLength(1);
  expect(JSON.parse(stdout)).toMatchObject({ error: { happened: "Interrupted." } });
});
