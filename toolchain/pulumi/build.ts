import { cp, mkdir, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { requireSpace } from "../disk.ts";
import { waitForLock } from "../lock.ts";
import { cacheFolder } from "../paths.ts";
import { isExecutable, ownRoot, type PulumiRoot } from "./locate.ts";

const source = join(dirname(fileURLToPath(import.meta.url)), "source");
const module_ = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi";
const versionVariable = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version";

/** What the build writes, measured: modules 2.5 GB, compiled packages 1.7 GB, the program 0.1 GB. */
const moduleBytes = 2.6e9;
const compiledBytes = 1.8e9;
const programBytes = 0.3e9;

/** The oldest Go that the CLI's modules ask for. */
export const oldestGo = [1, 25] as const;

export interface BuildOptions {
  version: string;
  signal?: AbortSignal | undefined;
  onLine(line: string): void;
}

/** The version of the Go on PATH, as [1, 26]; null where there is none. */
export async function goVersion(): Promise<[number, number] | null> {
  const result = await execa("go", ["env", "GOVERSION"], { reject: false, cwd: "/" });
  return result.exitCode === 0 ? parseGoVersion(result.stdout) : null;
}

export function parseGoVersion(text: string): [number, number] | null {
  const match = /go(\d+)\.(\d+)/.exec(text);
  return match ? [Number(match[1]), Number(match[2])] : null;
}

export function isRecentGo(version: readonly [number, number]): boolean {
  return version[0] > oldestGo[0] || (version[0] === oldestGo[0] && version[1] >= oldestGo[1]);
}

/**
 * Builds the CLI from its Go module into this machine's cache. Two builders wait for each other; one that was
 * killed leaves only a folder that the next one removes, and the compiled packages in Go's own cache.
 * @throws Error with the compiler's last lines; Problem where the disk is too full.
 */
export async function buildPulumi(options: BuildOptions): Promise<PulumiRoot> {
  const folder = join(cacheFolder(), "pulumi");
  const target = ownRoot(options.version);
  await using _lock = await waitForLock(`${folder}#build`, "building the Pulumi CLI", (holder) =>
    options.onLine(`Process ${holder.pid} is building the Pulumi CLI already; waiting for it.`),
  );
  if (isExecutable(join(target, "bin", "pulumi"))) return target;
  await requireGoSpace(folder);
  await removeLeftovers(folder);
  const work = join(folder, `.build-${process.pid}`);
  try {
    await cp(source, work, { recursive: true });
    await compile(work, options);
    await mkdir(join(target, "bin"), { recursive: true });
    await rename(join(work, "pulumi"), join(target, "bin", "pulumi"));
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return target;
}

async function requireGoSpace(folder: string): Promise<void> {
  const { stdout } = await execa("go", ["env", "GOMODCACHE", "GOCACHE"]);
  const [modules, compiled] = stdout.split("\n");
  await requireSpace(folder, programBytes, "the Pulumi CLI");
  if (modules) await requireSpace(modules, moduleBytes, "the Go modules that the Pulumi CLI is built from");
  if (compiled) await requireSpace(compiled, compiledBytes, "building the Pulumi CLI");
}

async function removeLeftovers(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const leftovers = (await readdir(folder)).filter((name) => name.startsWith(".build-"));
  await Promise.all(leftovers.map((name) => rm(join(folder, name), { recursive: true, force: true })));
}

async function compile(work: string, options: BuildOptions): Promise<void> {
  const modules = progress("downloading modules", null, options.onLine);
  const listed = await go(work, ["list", "-deps", "-f", "{{.ImportPath}}", module_], options, (line) => {
    if (line.startsWith("go: downloading")) modules();
  });
  const packages = progress("compiling packages", listed.length, options.onLine);
  await go(
    work,
    // Without the version the Automation API refuses the CLI; without paths the result depends on no folder.
    [
      "build",
      "-v",
      "-trimpath",
      "-ldflags",
      `-s -w -X ${versionVariable}=v${options.version}`,
      "-o",
      "pulumi",
      module_,
    ],
    options,
    (line) => {
      if (/^[\w.\-/]+$/.test(line)) packages();
    },
  );
}

/** Runs Go and gives its standard output's lines. */
async function go(
  cwd: string,
  args: string[],
  options: BuildOptions,
  onLine: (line: string) => void,
): Promise<string[]> {
  const run = execa("go", args, {
    cwd,
    lines: true,
    reject: false,
    cancelSignal: options.signal,
    // The go.sum beside the sources vouches for every module: no checksum server has to be reached.
    env: { CGO_ENABLED: "0", GOFLAGS: "-mod=readonly", GOWORK: "off" },
  });
  for await (const line of run.iterable({ from: "stderr" })) onLine(line);
  const result = await run;
  if (result.exitCode === 0) return result.stdout;
  throw new Error(`go ${args[0]} failed:\n${result.stderr.slice(-8).join("\n")}`);
}

/** A counter that reports at most once every ten seconds. */
function progress(what: string, total: number | null, onLine: (line: string) => void): () => void {
  let count = 0;
  let last = 0;
  return () => {
    count += 1;
    if (Date.now() - last < 10_000) return;
    last = Date.now();
    onLine(`  ${what}: ${count}${total === null ? "" : ` of ${total}`}`);
  };
}
