import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { expect, it } from "vitest";
import { certificateFiles, publicKey, startFakeWorld } from "./fakeWorld.ts";
import { hcloudPython } from "./tools.ts";

it("Hetzner's Python client takes the API for Hetzner's", async () => {
  const python = await hcloudPython();
  const world = await startFakeWorld();
  const folder = await mkdtemp(join(tmpdir(), "phasewise-python-"));
  try {
    const run = await execa(python, ["-W", "ignore", join(import.meta.dirname, "everyday.py")], {
      env: { ...world.env, ...(await certificateFiles(folder)), PUBLIC_KEY: publicKey },
      reject: false,
    });
    expect(run.stderr).toBe("");
    expect(run.stdout).toBe("ok");
    expect([
      world.hypervisor.machines.size,
      world.hypervisor.volumes.size,
      world.hypervisor.networks.size,
      world.hypervisor.balancers.size,
    ]).toEqual([0, 0, 0, 0]);
  } finally {
    await rm(folder, { recursive: true });
    await world.close();
  }
});
