import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";

const launcher = new URL("fixture/pulumi-resource-fixture", import.meta.url).pathname;

it("ends, after closing, when its engine is killed", async () => {
  const log = join(mkdtempSync(join(tmpdir(), "phasewise-test-")), "log");
  const engine = spawn("sh", ["-c", `"${launcher}" & echo "$!"; wait`], {
    env: { ...process.env, FIXTURE_LOG: log },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  for await (const chunk of engine.stdout.iterator({ destroyOnReturn: false })) {
    output += String(chunk);
    if (output.trim().split("\n").length === 2) break;
  }
  const [pid, port] = output.trim().split("\n").map(Number);
  expect(port).toBeGreaterThan(0);
  engine.kill("SIGKILL");
  await once(engine, "exit");
  await expect.poll(() => alive(pid!), { timeout: 5_000 }).toBe(false);
  expect(readFileSync(log, "utf8")).toBe('{"event":"close"}\n');
});

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // A zombie still answers to signals where no init process collects it.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}
