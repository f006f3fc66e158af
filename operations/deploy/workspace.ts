import { existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import type { PulumiFn, Stack, Workspace } from "@pulumi/pulumi/automation/index.js";
import writeFileAtomic from "write-file-atomic";
import { parse, stringify } from "yaml";
import { choosePlugin, STAND_IN_FOLDER } from "../../plugins/hcloud/official.ts";
import { dataFolder, nodeBinary, repository } from "../../toolchain/paths.ts";
import { Problem } from "../../toolchain/problem.ts";
import { ensurePulumi, type ToolOptions } from "../../toolchain/pulumi/ensure.ts";
import { nameOperator } from "../operator.ts";
import { Engine, EngineError, type EngineRun } from "./engine.ts";
import type { StackFile } from "./stackFile.ts";
import { parseExport, readStateFile, type State, stateFile } from "./state.ts";

export const projectName = "phasewise";

/** A stack as our commands drive it. */
export interface Deployment {
  file: StackFile;
  engine: Engine;
  /** The folder with the project's settings that this run uses. */
  folder: string;
  env: Record<string, string>;
  /** Where a file backend of ours is; null for a team's own backend. */
  backend: string | null;
}

/** Where an embedded stack keeps what belongs to Pulumi. */
export const embeddedPaths = {
  state: () => join(dataFolder(), "state"),
  passphrase: () => join(dataFolder(), "passphrase"),
  workingCopy: (stack: string) => join(workFolder(stack), `Pulumi.${stack}.yaml`),
};

function workFolder(stack: string): string {
  return join(dataFolder(), "pulumi", stack);
}

/**
 * Makes everything ready to run the engine for a stack, without touching the stack: the CLI, the project's
 * settings with the plugins of this machine, the backend of embedded stacks.
 */
export async function openDeployment(file: StackFile, tools: ToolOptions): Promise<Deployment> {
  const folder = workFolder(file.stack);
  nameOperator(file.config["phasewise:access"]);
  await mkdir(dataFolder(), { recursive: true, mode: 0o700 });
  await mkdir(folder, { recursive: true });
  const root = await ensurePulumi(tools);
  const env = engineEnvironment(file);
  const backend = file.embedded ? embeddedPaths.state() : null;
  if (backend) await mkdir(backend, { recursive: true });
  await writeSettings(file, folder);
  return { file, engine: new Engine(root), folder, env, backend };
}

/** @returns What the CLI gets on top of this process's environment. */
function engineEnvironment(file: StackFile): Record<string, string> {
  const env: Record<string, string> = {
    PULUMI_SKIP_UPDATE_CHECK: "true",
    // The plugins' launchers find Node 24 by themselves; the language host of an ordinary run finds it here.
    PATH: `${join(nodeBinary, "..")}:${process.env.PATH ?? ""}`,
    [ownerVariable]: String(process.pid),
  };
  if (!file.embedded) return env;
  // A passphrase of the operator's other projects would win over the file.
  delete process.env.PULUMI_CONFIG_PASSPHRASE;
  env.PULUMI_BACKEND_URL = `file://${embeddedPaths.state()}`;
  env.PULUMI_CONFIG_PASSPHRASE_FILE = embeddedPaths.passphrase();
  return env;
}

/** Marks engines that a command of ours has started, with the command's process id. */
export const ownerVariable = "PHASEWISE_OWNER";

/** Pulumi's project settings for this run: the checkout's own, with absolute paths and this machine's plugins. */
async function writeSettings(file: StackFile, folder: string): Promise<void> {
  const settings = parse(await readFile(join(repository, "Pulumi.yaml"), "utf8")) as Record<string, unknown>;
  const { use } = await choosePlugin({ cacheFile: join(dataFolder(), "hcloud-plugin.json") });
  const providers = [
    { name: "phasewise-native", path: join(repository, "plugins", "bin") },
    ...(use === "stand-in" ? [{ name: "hcloud", path: STAND_IN_FOLDER }] : []),
  ];
  const { stackConfigDir: _, ...kept } = settings;
  const text = stringify({
    ...kept,
    main: join(repository, "infra"),
    ...(file.embedded ? {} : { stackConfigDir: relative(folder, join(repository, "stacks")) }),
    plugins: { providers },
  });
  const path = join(folder, "Pulumi.yaml");
  if (existsSync(path) && (await readFile(path, "utf8")) === text) return;
  await writeFileAtomic(path, text);
}

/** Runs the CLI itself, for what the Automation API does not offer. */
export function runEngine(
  deployment: Deployment,
  args: string[],
  options: { input?: string; signal?: AbortSignal } = {},
): Promise<EngineRun> {
  const { engine, folder, env } = deployment;
  return engine.run(args, folder, env, undefined, undefined, options.signal, options.input);
}

/** What the state says; null where the stack does not exist. Secrets stay encrypted. */
export async function readState(deployment: Deployment): Promise<State | null> {
  const { backend, file } = deployment;
  if (backend) return readStateFile(backend, projectName, file.stack);
  try {
    return parseExport((await runEngine(deployment, ["stack", "export", "--stack", file.stack])).stdout);
  } catch (error) {
    if (error instanceof EngineError && /no stack named/.test(error.stderr)) return null;
    throw error instanceof EngineError && /failed to load checkpoint/.test(error.stderr)
      ? damaged(file.stack, error)
      : error;
  }
}

function damaged(stack: string, cause: EngineError): Problem {
  return new Problem({
    happened: `The state of ${stack} is damaged: it cannot be read.`,
    details: cause.stderr.trim().split("\n").slice(0, 3),
    left: "Nothing was changed, in the state neither.",
    todo: ['Bring back an older version of it: docs/production.md, "Going back to an older state"'],
    cause,
  });
}

/** Makes the stack where it does not exist. */
export async function ensureStack(deployment: Deployment): Promise<void> {
  const { backend, file } = deployment;
  if (backend && existsSync(stateFile(backend, projectName, file.stack))) return;
  try {
    await runEngine(deployment, ["stack", "init", file.stack]);
  } catch (error) {
    if (!(error instanceof EngineError && /already exists/.test(error.stderr))) throw error;
  }
}

/** The stack in the Automation API; it must exist. */
export async function openStack(deployment: Deployment, program: PulumiFn): Promise<Stack> {
  const automation = await import("@pulumi/pulumi/automation/index.js");
  const workspace = await automation.LocalWorkspace.create({
    workDir: deployment.folder,
    envVars: deployment.env,
    pulumiCommand: deployment.engine.asCommand(),
    program,
  });
  // Each of these costs a start of the CLI: every run names its stack, and its results come by its events.
  const unused: Partial<Workspace> = { selectStack: async () => {}, stackOutputs: async () => ({}) };
  Object.assign(workspace, unused);
  const stack = await automation.Stack.select(deployment.file.stack, workspace);
  stack.info = async () => undefined;
  return stack;
}
