import { homedir } from "node:os";
import { dirname, isAbsolute, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Problem } from "./problem.ts";

/** The checkout. */
export const repository = dirname(dirname(fileURLToPath(import.meta.url)));

/**
 * The folder with everything that embedded stacks keep: state, passphrase, working copies, the cloud's data.
 * `PHASEWISE_DIR` (an absolute path) puts it somewhere else, so that several can live beside one checkout.
 * @throws Problem where PHASEWISE_DIR is relative.
 */
export function dataFolder(env: NodeJS.ProcessEnv = process.env): string {
  const given = env.PHASEWISE_DIR;
  if (!given) return join(repository, ".phasewise");
  if (!isAbsolute(given)) {
    throw new Problem({
      happened: `PHASEWISE_DIR is "${given}", which is not an absolute path.`,
      left: "Nothing was changed.",
      todo: ["Give it a path that starts with /, or unset it."],
      exitCode: 2,
    });
  }
  return given;
}

/** What a machine keeps for all checkouts: the Pulumi CLI, the machine image. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  if (env.PHASEWISE_CACHE) return env.PHASEWISE_CACHE;
  // The XDG base directory specification has relative values ignored.
  const base =
    env.XDG_CACHE_HOME && isAbsolute(env.XDG_CACHE_HOME) ? env.XDG_CACHE_HOME : join(homedir(), ".cache");
  return join(base, "phasewise");
}

/** The Node 24 that the plugins and the daemon are started with. */
export const nodeBinary = join(repository, "node_modules", "node", "bin", "node");
