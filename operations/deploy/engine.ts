import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import type { PulumiCommand } from "@pulumi/pulumi/automation/index.js";
import { SemVer } from "semver";
import { pulumiVersion } from "../../toolchain/pulumi/version.ts";

/** How a run of the CLI ended that did not end well. */
export class EngineError extends Error {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  constructor(args: string[], result: EngineRun) {
    super(`pulumi ${args[0]} ended with code ${result.code}:\n${result.stderr || result.stdout}`);
    this.name = "EngineError";
    this.code = result.code;
    this.stdout = result.stdout;
    this.stderr = result.stderr;
  }
}

export interface EngineRun {
  stdout: string;
  stderr: string;
  code: number;
}

/**
 * Commands that go on without us for a while: they write into files, since a pipe that nobody reads any more would
 * kill them in the middle of a step. What they print holds no secrets.
 */
const updating = ["up", "preview", "destroy", "refresh", "import"];

/** Resolves with the exit code, or 128 and the signal that ended it; an abort interrupts it once. */
async function endOf(child: ChildProcess, signal: AbortSignal | undefined): Promise<number> {
  const interrupt = () => child.kill("SIGINT");
  signal?.addEventListener("abort", interrupt, { once: true });
  if (signal?.aborted) interrupt();
  try {
    const [code, killedBy] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
    return code ?? 128 + constants.signals[killedBy!];
  } finally {
    signal?.removeEventListener("abort", interrupt);
  }
}

/** All that a stream says; empty where its output goes into a file. */
async function collect(stream: Readable | null, onText?: (text: string) => void): Promise<string> {
  let all = "";
  for await (const chunk of stream?.setEncoding("utf8") ?? []) {
    all += chunk;
    onText?.(chunk as string);
  }
  return all;
}

async function outputFiles(folder: string): Promise<{ stdout: FileHandle; stderr: FileHandle }> {
  const [stdout, stderr] = await Promise.all([
    open(join(folder, "engine.out"), "w+", 0o600),
    open(join(folder, "engine.err"), "w+", 0o600),
  ]);
  return { stdout, stderr };
}

/** Reads a file from its beginning, and closes it. */
async function contentOf(file: FileHandle): Promise<string> {
  const { size } = await file.stat();
  const { buffer, bytesRead } = await file.read(Buffer.alloc(size), 0, size, 0);
  await file.close();
  return buffer.toString("utf8", 0, bytesRead);
}

/**
 * Runs the Pulumi CLI for the Automation API. In two ways it differs from the API's own runner:
 *
 * - The CLI gets a process group of its own. On a terminal Ctrl-C reaches a whole group, and together with the
 *   API's signal the engine would see two interrupts, of which the second drops running steps unrecorded.
 * - Where this process is killed, the kernel interrupts the CLI (setpriv), which then finishes and records its
 *   running steps and gives its lock back.
 */
export class Engine {
  readonly command: string;
  readonly version = new SemVer(pulumiVersion);

  /** @param root The folder that holds `bin/pulumi`. */
  constructor(root: string) {
    this.command = join(root, "bin", "pulumi");
  }

  async run(
    args: string[],
    cwd: string,
    env: Record<string, string>,
    onOutput?: (text: string) => void,
    onError?: (text: string) => void,
    signal?: AbortSignal,
    input?: string,
  ): Promise<EngineRun> {
    const line = [
      this.command,
      ...args,
      ...(args.includes("--non-interactive") ? [] : ["--non-interactive"]),
    ];
    const [file, ...rest] = existsSync(setpriv) ? [setpriv, "--pdeathsig", "INT", ...line] : line;
    const logs = updating.includes(args[0] ?? "") ? await outputFiles(cwd) : null;
    const path = `${dirname(this.command)}:${env.PATH ?? process.env.PATH ?? ""}`;
    const child = spawn(file as string, rest, {
      cwd,
      env: { ...process.env, ...env, PATH: path, PULUMI_AUTOMATION_API: "true" },
      detached: true,
      stdio: [input === undefined ? "ignore" : "pipe", logs?.stdout.fd ?? "pipe", logs?.stderr.fd ?? "pipe"],
    });
    // What ends without reading its input says why by its exit code.
    child.stdin?.on("error", () => undefined).end(input);
    const texts = [collect(child.stdout, onOutput), collect(child.stderr, onError)];
    const code = await endOf(child, signal);
    const [stdout, stderr] = await Promise.all(logs ? [logs.stdout, logs.stderr].map(contentOf) : texts);
    const result = { stdout: stdout!, stderr: stderr!, code };
    if (code === 0) return result;
    throw new EngineError(args, result);
  }

  /** The same, as the Automation API's options want it. */
  asCommand(): PulumiCommand {
    return this as unknown as PulumiCommand;
  }
}

const setpriv = "/usr/bin/setpriv";
