import { join } from "node:path";
import { repository } from "../paths.ts";
import { messageOf, Problem } from "../problem.ts";
import { buildPulumi, goVersion, isRecentGo, oldestGo } from "./build.ts";
import { downloadPulumi, probeDownload } from "./download.ts";
import { locatePulumi, type PulumiRoot } from "./locate.ts";
import { pulumiVersion } from "./version.ts";

export interface ToolOptions {
  signal?: AbortSignal | undefined;
  /** Progress for people. */
  onLine(line: string): void;
}

/**
 * The Pulumi CLI of this project's version: one that is there, else the official download, else a build from
 * its Go module.
 * @throws Problem that names both ways where neither is possible.
 */
export async function ensurePulumi(options: ToolOptions): Promise<PulumiRoot> {
  const found = await locatePulumi(pulumiVersion);
  if (found) return found;
  const reasons: string[] = [];
  const reachable = await probeDownload();
  if (reachable === true) {
    try {
      options.onLine(`Downloading the Pulumi CLI ${pulumiVersion}.`);
      return await downloadPulumi(join(repository, "node_modules", "pulumi"), pulumiVersion, options);
    } catch (error) {
      options.signal?.throwIfAborted();
      reasons.push(`The download failed: ${messageOf(error)}`);
    }
  } else {
    reasons.push(`The official download is not reachable: ${reachable}`);
  }
  return await build(reasons, options);
}

async function build(reasons: string[], options: ToolOptions): Promise<PulumiRoot> {
  const version = await goVersion();
  if (!version || !isRecentGo(version)) {
    reasons.push(
      version
        ? `The Go on PATH is ${version.join(".")}; a build needs ${oldestGo.join(".")} or newer.`
        : "There is no Go on PATH to build it with.",
    );
    throw cannot(reasons);
  }
  options.onLine(
    `Building the Pulumi CLI ${pulumiVersion} with Go ${version.join(".")}: once per machine, about 4 minutes on 2 cores.`,
  );
  const start = Date.now();
  try {
    const root = await buildPulumi({ ...options, version: pulumiVersion });
    options.onLine(`The Pulumi CLI is built (${Math.round((Date.now() - start) / 1000)} s).`);
    return root;
  } catch (error) {
    options.signal?.throwIfAborted();
    if (error instanceof Problem) throw error;
    reasons.push(`The build failed: ${messageOf(error)}`);
    throw cannot(reasons);
  }
}

function cannot(reasons: string[]): Problem {
  return new Problem({
    happened: `The Pulumi CLI ${pulumiVersion} is not on this machine, could not be downloaded and could not be built.`,
    left: "Nothing was changed.",
    details: reasons.flatMap((reason) => reason.split("\n")),
    todo: [
      `either install it: https://www.pulumi.com/docs/install/ (version ${pulumiVersion}, so that \`pulumi version\` says v${pulumiVersion}),`,
      `or put Go ${oldestGo.join(".")} or newer on PATH, with a module proxy that answers, and run this again: it is then built from source.`,
    ],
  });
}
