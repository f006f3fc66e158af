import { join } from "node:path";
import { execa } from "execa";
import { messageOf } from "../problem.ts";
import { officialRoot, type PulumiRoot, versionOf } from "./locate.ts";

/** Where the official installer comes from. */
const installer = "https://get.pulumi.com/install.sh";

/** How long an unreachable download site may hold up a first run. */
const probeMilliseconds = 3000;

/** Whether the download site answers; the reason where it does not. */
export async function probeDownload(): Promise<true | string> {
  try {
    const response = await fetch(installer, {
      method: "HEAD",
      signal: AbortSignal.timeout(probeMilliseconds),
    });
    return response.ok ? true : `${installer} answered ${response.status}`;
  } catch (error) {
    const cause = error instanceof Error && error.cause ? `: ${messageOf(error.cause)}` : "";
    return `${installer}: ${messageOf(error)}${cause}`;
  }
}

/**
 * Installs the CLI by the official npm shim, into the place that the shim itself looks in later.
 * @param shim The npm package's folder.
 * @throws Error with the installer's last line.
 */
export async function downloadPulumi(
  shim: string,
  version: string,
  options: { signal?: AbortSignal | undefined; onLine(line: string): void },
): Promise<PulumiRoot> {
  const run = execa(process.execPath, [join(shim, "run.js"), "version"], {
    env: { PULUMI_VERSION: version, PULUMI_SKIP_UPDATE_CHECK: "true" },
    cancelSignal: options.signal,
    reject: false,
    lines: true,
  });
  for await (const line of run.iterable({ from: "stderr" })) options.onLine(line);
  const result = await run;
  const root = officialRoot(version);
  if (result.exitCode === 0 && (await versionOf(join(root, "bin", "pulumi"))) === version) return root;
  throw new Error(result.stderr.at(-1) ?? `the installer ended with code ${result.exitCode}`);
}
