import { execa } from "execa";
import { hostPackages, programPath } from "../hostPackages.ts";

export interface RunOptions {
  /** Text for its standard input; nothing by default. */
  input?: string;
  /** Its whole environment beside PATH and LANG: programs of the host see nothing of ours. */
  env?: Record<string, string>;
  cwd?: string;
}

/** A program of the host that ended with an error. `output` is what it said. */
export class CommandError extends Error {
  readonly output: string;
  readonly exitCode: number | undefined;

  constructor(message: string, output: string, exitCode: number | undefined) {
    super(message);
    this.name = "CommandError";
    this.output = output;
    this.exitCode = exitCode;
  }
}

export function environment(extra: Record<string, string> = {}): Record<string, string> {
  return { PATH: programPath(), LANG: "C.UTF-8", ...extra };
}

/**
 * Runs a program and returns its standard output.
 * @throws CommandError that names the command and its last words.
 */
export async function run(program: string, args: string[], options: RunOptions = {}): Promise<string> {
  const result = await execa(program, args, {
    input: options.input ?? "",
    env: environment(options.env),
    extendEnv: false,
    cwd: options.cwd ?? "/",
    reject: false,
  });
  if (result.exitCode === 0) return result.stdout;
  const output = [result.stderr, result.stdout].filter((text) => text).join("\n");
  throw new CommandError(
    describe(program, args, result.code, result.exitCode, output),
    output,
    result.exitCode,
  );
}

/** Whether the program ends well. */
export async function succeeds(program: string, args: string[]): Promise<boolean> {
  try {
    await run(program, args);
    return true;
  } catch (error) {
    if (error instanceof CommandError && error.exitCode !== undefined) return false;
    throw error;
  }
}

function describe(
  program: string,
  args: string[],
  code: string | undefined,
  exitCode: number | undefined,
  output: string,
): string {
  if (code === "ENOENT") {
    const owner = hostPackages.find((candidate) => candidate.program === program);
    const hint = owner ? `: install it with "apt-get install ${owner.name}"` : "";
    return `${program} is not installed on this machine${hint}.`;
  }
  const words = output.trim().split("\n").slice(-5).join("\n").trim();
  const ending = exitCode === undefined ? "could not be run" : `failed with exit code ${exitCode}`;
  return `"${[program, ...args].join(" ")}" ${ending}${words ? `: ${words}` : "."}`;
}
