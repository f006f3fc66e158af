import { existsSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { execa } from "execa";
import { Problem } from "./problem.ts";
import type { ToolOptions } from "./pulumi/ensure.ts";

export interface HostPackageArgs extends ToolOptions {
  /** Names of Debian packages that are not installed. */
  missing: string[];
  /** What they are for, as "the embedded Hetzner cloud". */
  purpose: string;
}

/** @throws Problem where this process is not root's. */
export function requireRoot(what: string, uid: number | undefined = process.getuid?.()): void {
  if (uid === 0) return;
  throw new Problem({
    happened: `${what} needs root, and this is user ${uid}.`,
    left: "Nothing was changed.",
    todo: ["Run the same command as root: sudo -E env PATH=$PATH npx phasewise ..."],
  });
}

/** The line that installs packages, to run or to copy. */
export function installLine(packages: string[]): string {
  return `apt-get install -y --no-install-recommends ${packages.join(" ")}`;
}

/**
 * Installs Debian packages on this host.
 * @throws Problem with the line to copy where that is not possible.
 */
export async function installHostPackages(args: HostPackageArgs): Promise<void> {
  const { missing, purpose } = args;
  if (missing.length === 0) return;
  if (!existsSync("/usr/bin/apt-get")) {
    throw new Problem({
      happened: `This machine lacks packages that ${purpose} needs, and it has no apt-get to install them with: ${missing.join(", ")}.`,
      left: "Nothing was changed.",
      todo: [`On Debian or Ubuntu: ${installLine(missing)}`],
    });
  }
  requireRoot(`Installing ${missing.join(", ")}`);
  args.onLine(`Installing what ${purpose} needs: ${missing.join(", ")}`);
  await using _policy = await withoutServices();
  await apt(["update", "--quiet"], args);
  await apt(["install", "-y", "--no-install-recommends", ...missing], args);
}

async function apt(command: string[], args: HostPackageArgs): Promise<void> {
  const run = execa(
    "apt-get",
    ["-o", "DPkg::Lock::Timeout=120", "-o", "Dpkg::Options::=--force-confold", ...command],
    {
      env: { DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C" },
      cancelSignal: args.signal,
      reject: false,
      all: true,
      lines: true,
    },
  );
  for await (const line of run.iterable({ from: "all" })) {
    if (/^(Setting up|Fetched) /.test(line)) args.onLine(`  ${line}`);
  }
  const result = await run;
  args.signal?.throwIfAborted();
  if (result.exitCode === 0) return;
  // A failing update is no reason to stop: the lists that are there may do.
  if (command[0] === "update")
    return args.onLine("  apt-get update failed; going on with the package lists that are there");
  throw new Problem({
    happened: `apt-get could not install what ${args.purpose} needs.`,
    details: result.all.slice(-8),
    left: "What apt had installed before stays; nothing else was changed.",
    todo: [`Put right what apt says, or install by hand: ${installLine(args.missing)}`],
  });
}

const policyFile = "/usr/sbin/policy-rc.d";

/** Packages bring services of the whole machine; the cloud starts what it needs itself. */
async function withoutServices(): Promise<AsyncDisposable> {
  if (existsSync(policyFile)) return { [Symbol.asyncDispose]: async () => {} };
  await writeFile(policyFile, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  return { [Symbol.asyncDispose]: () => rm(policyFile, { force: true }) };
}
