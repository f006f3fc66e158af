import { mkdir, mkdtemp, readdir, rm, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Problem } from "../../../toolchain/problem.ts";
import { isThere, until } from "./testCloud.ts";

/** A cache of its own, so that the host's image is not touched. */
let cache = "";

beforeAll(async () => {
  cache = await mkdtemp(join(tmpdir(), "phasewise-test-image-"));
});
afterAll(async () => {
  await rm(cache, { recursive: true, force: true });
});

const images = () => join(cache, "images");

/** Another process that wants the image; its progress is its output, and the image's folder its last line. */
function builder(packages: string[] = [], env: Record<string, string> = {}) {
  const script = `
    import { ensureImage } from "${join(import.meta.dirname, "../../../cloud/image/cache.ts")}";
    try {
      console.log(await ensureImage(${JSON.stringify(packages)}, (line) => console.log(line)));
    } catch (error) {
      console.log(JSON.stringify(error));
      process.exitCode = 1;
    }`;
  return execa(process.execPath, ["--input-type=module", "--eval", script], {
    env: { PHASEWISE_CACHE: cache, ...env },
    reject: false,
  });
}

async function failure(packages: string[], env: Record<string, string> = {}): Promise<Problem> {
  const { stdout, exitCode } = await builder(packages, env);
  expect(exitCode).toBe(1);
  return new Problem(JSON.parse(stdout.split("\n").at(-1) ?? ""));
}

async function processesOf(text: string): Promise<string[]> {
  const { stdout } = await execa("ps", ["-eo", "pid,args"]);
  return stdout.split("\n").filter((line) => line.includes(text) && !line.includes("--eval"));
}

describe("building the image", () => {
  it("says that the mirror can't be reached, and leaves nothing", async () => {
    const problem = await failure([], { http_proxy: "http://127.0.0.1:9" });
    expect(problem.happened).toBe(
      "The machine image could not be built: Debian's mirror http://deb.debian.org/debian can't be reached.",
    );
    expect(problem.left).toBe("Nothing of the unfinished image was kept; no machine was changed.");
    expect((await readdir(images())).filter((name) => !name.endsWith(".log"))).toEqual([]);
  });

  it("names a package that does not exist", async () => {
    const problem = await failure(["no-such-package"]);
    expect(problem.happened).toBe(
      "The machine image could not be built: Debian 13 has no package named no-such-package.",
    );
  });

  it("says before it begins that the disk is too full", async () => {
    const small = await mkdtemp(join(tmpdir(), "phasewise-test-small-"));
    await execa("mount", ["-t", "tmpfs", "-o", "size=100m", "tmpfs", small]);
    try {
      const problem = await failure([], { PHASEWISE_CACHE: small });
      expect(problem.happened).toBe(
        `There is not enough room on the disk for building the machine image: ${join(small, "images")} has 0.1 GB free, 3.0 GB are needed.`,
      );
      expect(await readdir(join(small, "images"))).toEqual([]);
    } finally {
      await execa("umount", [small]);
      await rm(small, { recursive: true });
    }
  });

  it("can be killed: everything of it ends, and the next one builds it whole", async () => {
    const first = builder();
    let installing = false;
    first.stdout?.on("data", (text) => {
      installing ||= String(text).includes("installing packages");
    });
    await until("packages are being installed", async () => installing, 120);
    expect(await processesOf(images())).not.toEqual([]);
    process.kill(first.pid as number, "SIGKILL");
    await first;
    await until("its processes are gone", async () => (await processesOf(images())).length === 0, 10);
    expect((await execa("cat", ["/proc/mounts"])).stdout).not.toContain(cache);
    const unfinished = (await readdir(images())).filter((name) => name.endsWith(".building"));
    expect(unfinished).toHaveLength(1);

    // Of another recipe: one that a dead builder left, one that was long not used, and one that was.
    for (const name of ["dead.building", "old", "recent"])
      await mkdir(join(images(), name, "root"), { recursive: true });
    const longAgo = new Date(Date.now() - 30 * 24 * 60 * 60 * 1000);
    await utimes(join(images(), "old"), longAgo, longAgo);

    // Two at once: one builds, the other waits for it.
    const both = await Promise.all([builder(), builder()]);
    const roots = both.map(({ stdout }) => stdout.split("\n").at(-1) ?? "");
    expect(roots[0]).toBe(roots[1]);
    expect(await isThere(join(roots[0] as string, "usr/bin/cloud-init"))).toBe(true);
    const outputs = both.map(({ stdout }) => stdout).join("\n");
    expect(outputs.match(/Machine image: built$/gm)).toHaveLength(1);
    expect(outputs).toMatch(/Machine image: process \d+ builds it, waiting/);
    const kept = (await readdir(images())).filter((name) => !name.endsWith(".log"));
    expect(kept).toEqual([roots[0]?.split("/").at(-2), "recent"].sort());

    const again = await builder();
    expect(again.stdout).toBe(roots[0]);
  });
});
