/**
 * What `npm test` runs: style, types, then every test project, and one closing line `N passed, N failed`.
 *
 *   node test/run.ts          all but the long end-to-end tests
 *   node test/run.ts --all    those too
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";

interface Count {
  passed: number;
  failed: number;
  skipped: number;
}

const root = resolve(import.meta.dirname, "..");
const { values } = parseArgs({ options: { all: { type: "boolean", default: false } } });

function run(command: string, args: string[]): boolean {
  const result = spawnSync(process.execPath, [join(root, "node_modules", command), ...args], {
    cwd: root,
    stdio: "inherit",
  });
  if (result.error) throw result.error;
  return result.status === 0;
}

/** @param command A script, below node_modules. */
function check(name: string, command: string, args: string[]): Count {
  process.stdout.write(`\n== ${name}\n`);
  const ok = run(command, args);
  return { passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 };
}

/** Runs vitest projects one after another and counts tests; a run that ends without a report counts as a failure. */
function vitest(projects: string[]): Count {
  process.stdout.write(`\n== ${projects.join(", ")}\n`);
  const folder = mkdtempSync(join(tmpdir(), "phasewise-test-"));
  try {
    const report = join(folder, "report.json");
    const ok = run("vitest/vitest.mjs", [
      "run",
      ...projects.flatMap((project) => ["--project", project]),
      "--reporter=default",
      "--reporter=json",
      `--outputFile.json=${report}`,
    ]);
    return countOf(report, ok);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function countOf(report: string, ok: boolean): Count {
  try {
    const { numPassedTests, numFailedTests, numPendingTests } = JSON.parse(readFileSync(report, "utf8"));
    // A file that does not load, or a failed hook, fails the run without a failed test.
    const failed = !ok && numFailedTests === 0 ? 1 : numFailedTests;
    return { passed: numPassedTests, failed, skipped: numPendingTests };
  } catch (error) {
    process.stdout.write(`no report: ${error instanceof Error ? error.message : error}\n`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
}

const asRoot = process.getuid?.() === 0;
const counts = [
  ...(asRoot ? [check("what the tests need of this machine", "../test/prepare.ts", [])] : []),
  check("style (biome)", "@biomejs/biome/bin/biome", ["check", "."]),
  check("types (tsc)", "typescript/bin/tsc", ["--noEmit"]),
  vitest(["unit", "components"]),
];
if (asRoot) {
  counts.push(vitest(["cloud"]));
  if (values.all) counts.push(vitest(["e2e"]));
} else {
  process.stdout.write("\n== cloud and e2e: left out, because booting machines needs root (sudo npm test)\n");
}

const total = counts.reduce((a, b) => ({
  passed: a.passed + b.passed,
  failed: a.failed + b.failed,
  skipped: a.skipped + b.skipped,
}));
process.stdout.write(
  `\n${total.passed} passed, ${total.failed} failed${total.skipped ? `, ${total.skipped} skipped` : ""}\n`,
);
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;
