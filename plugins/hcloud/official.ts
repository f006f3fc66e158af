import { constants } from "node:fs";
import { access, mkdir, readFile, realpath } from "node:fs/promises";
import { Agent, request } from "node:https";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import writeFileAtomic from "write-file-atomic";
import { VERSION } from "./version.ts";

/** Which hcloud plugin serves the stacks of this machine, and why. */
export interface PluginChoice {
  use: "official" | "stand-in";
  /** For people: one sentence without a full stop. */
  reason: string;
}

export interface ChooseOptions {
  /** Where the answer of Pulumi's download host is remembered (a JSON file; its folder is made). */
  cacheFile: string;
  /** PULUMI_HOME of the runs that the choice is for, where it is not the environment's. */
  pulumiHome?: string;
  env?: NodeJS.ProcessEnv;
  /** Milliseconds for the question to the download host. */
  deadline?: number;
  /** Asks whether there is something at a URL; replaced in tests. */
  ask?: (url: string, deadline: number, env: NodeJS.ProcessEnv) => Promise<Answer>;
}

export type Answer = { there: true } | { there: false; reason: string };

/** Environment variable that settles the choice: `official` or `stand-in`. */
export const CHOICE_VARIABLE = "PHASEWISE_HCLOUD_PLUGIN";
/** The folder of the stand-in's executable, for `plugins.providers` of a project's settings. */
export const STAND_IN_FOLDER = join(import.meta.dirname, "bin");

const EXECUTABLE = "pulumi-resource-hcloud";
/** Finding out is to take 2 s at most, the rest of it included. */
const DEADLINE = 1_700;
/** A host that could not be reached is asked again after a day, in milliseconds. */
const REMEMBERED = 24 * 60 * 60 * 1000;

/**
 * Chooses the official plugin wherever it is installed or can be downloaded, else the stand-in. What is installed
 * is looked up each time; the download host is asked once and its answer is remembered.
 */
export async function choosePlugin(options: ChooseOptions): Promise<PluginChoice> {
  const env = options.env ?? process.env;
  const forced = env[CHOICE_VARIABLE];
  if (forced === "official" || forced === "stand-in")
    return { use: forced, reason: `${CHOICE_VARIABLE} says so` };
  if (forced) throw new Error(`${CHOICE_VARIABLE} must be official or stand-in, but is "${forced}".`);
  const installed = await findInstalled(env, options.pulumiHome);
  if (installed !== null) return { use: "official", reason: `it is installed as ${installed}` };
  const url = downloadUrl();
  const remembered = await recall(options.cacheFile, url);
  if (remembered !== null) return remembered;
  const answer = await (options.ask ?? askHost)(url, options.deadline ?? DEADLINE, env);
  const choice: PluginChoice = answer.there
    ? { use: "official", reason: `Pulumi can download it from ${url}` }
    : { use: "stand-in", reason: `the official plugin ${VERSION} is not installed, and ${answer.reason}` };
  // "It can be downloaded" is not remembered: it is installed after the next run, or has to be asked for again.
  if (choice.use === "stand-in") await remember(options.cacheFile, url, choice);
  return choice;
}

/** Where Pulumi gets plugins from, for this machine's operating system and processor. */
export function downloadUrl(platform: string = process.platform, arch: string = process.arch): string {
  const os = platform === "win32" ? "windows" : platform;
  const processor = arch === "x64" ? "amd64" : arch;
  return `https://get.pulumi.com/releases/plugins/${EXECUTABLE}-v${VERSION}-${os}-${processor}.tar.gz`;
}

/** The path of the installed plugin: in Pulumi's folder in this version, or on PATH in any. */
async function findInstalled(env: NodeJS.ProcessEnv, pulumiHome: string | undefined): Promise<string | null> {
  const home = pulumiHome ?? (env.PULUMI_HOME || join(env.HOME || homedir(), ".pulumi"));
  const folder = join(home, "plugins", `resource-hcloud-v${VERSION}`);
  // Pulumi marks a download that is under way, or was broken off, with a file beside the folder.
  const partial = await isThere(`${folder}.partial`, constants.F_OK);
  const own = join(folder, EXECUTABLE);
  if (!partial && (await isThere(own, constants.X_OK))) return own;
  for (const directory of (env.PATH ?? "").split(delimiter).filter((path) => path !== "")) {
    const found = join(directory, EXECUTABLE);
    if ((await isThere(found, constants.X_OK)) && !(await isStandIn(found))) return found;
  }
  return null;
}

async function isStandIn(path: string): Promise<boolean> {
  return (await realpath(path)) === (await realpath(join(STAND_IN_FOLDER, EXECUTABLE)));
}

async function isThere(path: string, mode: number): Promise<boolean> {
  try {
    await access(path, mode);
    return true;
  } catch {
    return false;
  }
}

async function recall(cacheFile: string, url: string): Promise<PluginChoice | null> {
  try {
    const known = JSON.parse(await readFile(cacheFile, "utf8")) as {
      url?: string;
      at?: string;
      reason?: string;
    };
    const age = Date.now() - Date.parse(known.at ?? "");
    if (known.url !== url || typeof known.reason !== "string" || !(age >= 0 && age < REMEMBERED)) return null;
    return { use: "stand-in", reason: known.reason };
  } catch {
    // No file, or one that is broken: the host is asked again.
    return null;
  }
}

async function remember(cacheFile: string, url: string, { reason }: PluginChoice): Promise<void> {
  await mkdir(dirname(cacheFile), { recursive: true, mode: 0o700 });
  await writeFileAtomic(cacheFile, `${JSON.stringify({ url, at: new Date().toISOString(), reason })}\n`);
}

/** Asks by HEAD, through the environment's proxy as Pulumi itself would go. */
export async function askHost(url: string, deadline: number, env: NodeJS.ProcessEnv): Promise<Answer> {
  const { host } = new URL(url);
  const agent = new Agent({ proxyEnv: env });
  return await new Promise((resolve) => {
    const no = (reason: string) => resolve({ there: false, reason });
    // A timer of its own: a request's timeout counts from its last byte, and looking up a name may hang.
    const timer = setTimeout(() => {
      no(`${host} did not answer within ${deadline} ms`);
      head.destroy();
    }, deadline);
    const head = request(url, { method: "HEAD", agent }, ({ statusCode = 0 }) => {
      clearTimeout(timer);
      if (statusCode >= 200 && statusCode < 400) resolve({ there: true });
      else no(`${host} answered with status ${statusCode}`);
      head.destroy();
    });
    head.on("error", (error) => {
      clearTimeout(timer);
      no(`${host} cannot be reached (${error.message})`);
    });
    head.end();
  });
}
