import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { requireSpace } from "../../../toolchain/disk.ts";
import { cacheFolder, dataFolder, repository } from "../../../toolchain/paths.ts";
import { isRecentGo, parseGoVersion } from "../../../toolchain/pulumi/build.ts";
import { locatePulumi, pathCandidates } from "../../../toolchain/pulumi/locate.ts";
import { pulumiVersion } from "../../../toolchain/pulumi/version.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "phasewise-toolchain-"));
});
afterEach(() => rm(folder, { recursive: true }));

async function fakePulumi(root: string, version: string): Promise<string> {
  await mkdir(join(root, "bin"), { recursive: true });
  await writeFile(join(root, "bin", "pulumi"), `#!/bin/sh\necho v${version}\n`);
  await chmod(join(root, "bin", "pulumi"), 0o755);
  return root;
}

const nowhere = () => ({
  PULUMI_HOME: join(folder, "home"),
  PHASEWISE_CACHE: join(folder, "cache"),
  PATH: "",
});

test("no CLI on the machine: null", async () => {
  expect(await locatePulumi("3.255.0", nowhere())).toBeNull();
});

test("the official installation is preferred to our own build", async () => {
  const own = await fakePulumi(join(folder, "cache", "pulumi", "3.255.0"), "3.255.0");
  expect(await locatePulumi("3.255.0", nowhere())).toBe(own);
  const official = await fakePulumi(join(folder, "home", "versions", "3.255.0"), "3.255.0");
  expect(await locatePulumi("3.255.0", nowhere())).toBe(official);
});

test("a CLI on PATH is taken only with the right version", async () => {
  const root = await fakePulumi(join(folder, "opt"), "3.200.0");
  const env = { ...nowhere(), PATH: join(root, "bin") };
  expect(await locatePulumi("3.255.0", env)).toBeNull();
  expect(await locatePulumi("3.200.0", env)).toBe(root);
});

test("npm's own bin folders are no candidates: the shim there would start a download", () => {
  expect(pathCandidates("/a/node_modules/.bin:/b/node_modules/x/bin:/usr/bin:/opt/pulumi")).toEqual(["/usr"]);
});

test("the modules that it is built from are of the same version as the SDK", async () => {
  const goMod = await readFile(join(repository, "toolchain/pulumi/source/go.mod"), "utf8");
  expect(goMod).toContain(`github.com/pulumi/pulumi/pkg/v3 v${pulumiVersion}\n`);
  const manifest = JSON.parse(await readFile(join(repository, "package.json"), "utf8"));
  expect(manifest.dependencies["@pulumi/pulumi"]).toBe(pulumiVersion);
});

test("Go versions", () => {
  expect(parseGoVersion("go1.26.8")).toEqual([1, 26]);
  expect(parseGoVersion("devel +abc")).toBeNull();
  expect(
    [
      [1, 24],
      [1, 25],
      [1, 26],
      [2, 0],
    ].map((version) => isRecentGo(version as [number, number])),
  ).toEqual([false, true, true, true]);
});

test("too little room on the disk is told before anything is written", async () => {
  await expect(requireSpace(folder, 1e18, "building the Pulumi CLI")).rejects.toThrow(
    /^There is not enough room on the disk for building the Pulumi CLI: .* has [\d.]+ GB free, 1000000000\.0 GB are needed\.$/,
  );
  await requireSpace(folder, 1, "building the Pulumi CLI");
});

test("folders: XDG_CACHE_HOME and PHASEWISE_CACHE move the cache, PHASEWISE_DIR moves the data", () => {
  expect(cacheFolder({ XDG_CACHE_HOME: "/x" })).toBe("/x/phasewise");
  expect(cacheFolder({ XDG_CACHE_HOME: "relative", HOME: "/h" })).toMatch(/\.cache\/phasewise$/);
  expect(cacheFolder({ XDG_CACHE_HOME: "/x", PHASEWISE_CACHE: "/y" })).toBe("/y");
  expect(dataFolder({ PHASEWISE_DIR: "/z" })).toBe("/z");
  expect(dataFolder({})).toBe(join(repository, ".phasewise"));
  expect(() => dataFolder({ PHASEWISE_DIR: "z" })).toThrow(
    'PHASEWISE_DIR is "z", which is not an absolute path.',
  );
});
