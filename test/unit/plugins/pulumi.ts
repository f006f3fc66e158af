import {
  accessSync,
  constants,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { homedir, tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import {
  LocalWorkspace,
  type ProjectSettings,
  PulumiCommand,
  type PulumiFn,
  type Stack,
} from "@pulumi/pulumi/automation/index.js";

/** A real Pulumi CLI on this machine, or null: PHASEWISE_PULUMI, the PATH (npm's shim excepted), the project's cache. */
export function findPulumi(): string | null {
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "phasewise");
  const onPath = (process.env.PATH ?? "")
    .split(delimiter)
    .filter((folder) => folder !== "" && !folder.includes("node_modules"))
    .map((folder) => join(folder, "pulumi"));
  const cached = globSync(["pulumi*/**/bin/pulumi", "pulumi*/pulumi"], { cwd: cache }).map((path) =>
    join(cache, path),
  );
  const given = process.env.PHASEWISE_PULUMI ? [process.env.PHASEWISE_PULUMI] : [];
  return [...given, ...onPath, ...cached].find(isExecutable) ?? null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** One stack with an inline program, in a folder of its own with a file backend. */
export interface Bench extends AsyncDisposable {
  stack: Stack;
  folder: string;
  /** The state as it lies in the backend, secrets encrypted. */
  stored(): string;
  /** The program that the next operation runs. */
  program: PulumiFn;
}

/** `providers` as in Pulumi.yaml: the folder that holds `pulumi-resource-<name>`. */
export async function bench(
  cli: string,
  providers: { name: string; path: string }[],
  env: Record<string, string> = {},
): Promise<Bench> {
  const folder = mkdtempSync(join(tmpdir(), "phasewise-test-"));
  for (const name of ["bin", "state", "home", "work"]) mkdirSync(join(folder, name));
  symlinkSync(cli, join(folder, "bin", "pulumi"));
  // The SDK's type lacks `plugins`, which Pulumi.yaml has.
  const project: ProjectSettings & { plugins: object } = {
    name: "bench",
    runtime: "nodejs",
    backend: { url: `file://${join(folder, "state")}` },
    plugins: { providers },
  };
  const result: Bench = {
    folder,
    program: async () => {},
    stored: () => readFileSync(join(folder, "state/.pulumi/stacks/bench/test.json"), "utf8"),
    stack: await LocalWorkspace.createOrSelectStack(
      { stackName: "test", projectName: "bench", program: async () => await result.program() },
      {
        workDir: join(folder, "work"),
        pulumiHome: join(folder, "home"),
        pulumiCommand: await PulumiCommand.get({ root: folder }),
        envVars: { PULUMI_CONFIG_PASSPHRASE: "test", PULUMI_SKIP_UPDATE_CHECK: "true", ...env },
        projectSettings: project,
      },
    ),
    [Symbol.asyncDispose]: async () => rmSync(folder, { recursive: true, force: true }),
  };
  return result;
}
