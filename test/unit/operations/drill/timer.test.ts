import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { expect, test } from "vitest";
import { drillTimer } from "../../../../operations/drill/timer.ts";

test("the units of a drill are what systemd takes", () => {
  const { service, timer } = drillTimer("production", {
    folder: "/tmp",
    program: "/bin/true",
    command: "/srv/phasewise/bin/phasewise.mjs",
  });
  expect(service.text).toContain(
    "ExecStart=/bin/true /srv/phasewise/bin/phasewise.mjs drill production --json\n",
  );
  expect(timer.path).toBe("~/.config/systemd/user/phasewise-drill-production.timer");
  const folder = mkdtempSync(join(tmpdir(), "phasewise-timer-"));
  try {
    const files = [service, timer].map(({ path, text }) => {
      const file = join(folder, basename(path));
      writeFileSync(file, text);
      return file;
    });
    expect(execFileSync("systemd-analyze", ["verify", "--man=no", ...files], { encoding: "utf8" })).toBe("");
  } finally {
    rmSync(folder, { recursive: true });
  }
});
