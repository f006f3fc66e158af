import { accessSync, constants, statSync } from "node:fs";
import { homedir } from "node:os";
import { basename, delimiter, dirname, join, sep } from "node:path";
import { execa } from "execa";
import { cacheFolder } from "../paths.ts";

/** The folder that a Pulumi CLI lies in as `bin/pulumi`. */
export type PulumiRoot = string;

/** Where this project keeps the CLI that it has built. */
export function ownRoot(version: string, env: NodeJS.ProcessEnv = process.env): PulumiRoot {
  return join(cacheFolder(env), "pulumi", version);
}

/** Where the official npm shim and the Automation API install a version. */
export function officialRoot(version: string, env: NodeJS.ProcessEnv = process.env): PulumiRoot {
  return join(env.PULUMI_HOME || join(homedir(), ".pulumi"), "versions", version);
}

/**
 * Finds a CLI of exactly this version that is on the machine already: the official installation, the one on
 * PATH, our own build. Null where there is none.
 */
export async function locatePulumi(
  version: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<PulumiRoot | null> {
  for (const root of [officialRoot(version, env), ownRoot(version, env)]) {
    if (isExecutable(join(root, "bin", "pulumi"))) return root;
  }
  const onPath = pathCandidates(env.PATH ?? "").find((root) => isExecutable(join(root, "bin", "pulumi")));
  if (onPath && (await versionOf(join(onPath, "bin", "pulumi"))) === version) return onPath;
  return null;
}

/**
 * Folders on PATH whose `bin` might hold a CLI. npm's own bin folders are left out: their `pulumi` is the shim,
 * which would start a download.
 */
export function pathCandidates(path: string): PulumiRoot[] {
  return path
    .split(delimiter)
    .filter((folder) => basename(folder) === "bin" && !folder.split(sep).includes("node_modules"))
    .map((folder) => dirname(folder));
}

export function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).size > 0;
  } catch {
    return false;
  }
}

/** As "3.255.0"; null where the program does not run. */
export async function versionOf(pulumi: string): Promise<string | null> {
  const result = await execa(pulumi, ["version"], {
    reject: false,
    timeout: 20_000,
    env: { PULUMI_SKIP_UPDATE_CHECK: "true" },
  });
  return result.exitCode === 0 ? result.stdout.trim().replace(/^v/, "") : null;
}
