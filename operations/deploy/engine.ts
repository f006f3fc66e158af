import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { PulumiCommand } from "@pulumi/pulumi/automation/index.js";
import { execa } from "execa";
import { SemVer } from "semver";
import { pulumiVersion } from "../../toolchain/pulumi/version.ts";

/** How a run of the CLI ended that did not end well. */
export class EngineError extends Error {
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
  constructor(args: string[], result: { exitCode?: number | undefined; stdout: string; stderr: string }) {
    super(
      `pulumi ${args[0]} ended with code ${result.exitCode ?? "unknown"}:\n${result.stderr || result.stdout}`,
    );
    this.name = "EngineError";
    this.code = result.exitCode;
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

function outputFiles(folder: string): { stdout: string; stderr: string } {
  return { stdout: join(folder, "engine.out"), stderr: join(folder, "engine.err") };
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
    const logs = updating.includes(args[0] ?? "") ? outputFiles(cwd) : null;
    const child = execa(file as string, rest, {
      cwd,
      env: {
        ...env,
        PATH: `${dirname(this.command)}:${env.PATH ?? process.env.PATH ?? ""}`,
        PULUMI_AUTOMATION_API: "true",
      },
      detached: true,
      cleanup: false,
      reject: false,
      ...(input === undefined ? { stdin: "ignore" } : { input }),
      stdout: logs ? { file: logs.stdout } : "pipe",
      stderr: logs ? { file: logs.stderr } : "pipe",
    });
    if (onOutput) child.stdout?.on("data", (data: Buffer) => onOutput(data.toString()));
    if (onError) child.stderr?.on("data", (data: Buffer) => onError(data.toString()));
    const interrupt = () => child.kill("SIGINT");
    signal?.addEventListener("abort", interrupt, { once: true });
    if (signal?.aborted) interrupt();
    const result = await child;
    signal?.removeEventListener("abort", interrupt);
    const stdout = logs ? await readFile(logs.stdout, "utf8") : String(result.stdout ?? "");
    const stderr = logs ? await readFile(logs.stderr, "utf8") : String(result.stderr ?? "");
    if (result.exitCode === 0) return { stdout, stderr, code: 0 };
    throw new EngineError(args, {
      exitCode: result.exitCode,
      stdout,
      stderr: result.exitCode === undefined ? `${stderr}\n${result.message}` : stderr,
    });
  }

  /** The same, as the Automation API's options want it. */
  asCommand(): PulumiCommand {
    return this as unknown as PulumiCommand;
  }
}

const setpriv = "/usr/bin/setpriv";
