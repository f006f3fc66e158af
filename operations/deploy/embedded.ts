import { createHash, randomBytes } from "node:crypto";
import { chmod, link, readFile, rm, writeFile } from "node:fs/promises";
import writeFileAtomic from "write-file-atomic";
import { parse, stringify } from "yaml";
import { secretSettings, valueAt } from "../../infra/config/judge.ts";
import type { StackFile } from "./stackFile.ts";
import { type Deployment, embeddedPaths, ensureStack, runEngine } from "./workspace.ts";

/** What a running embedded cloud offers; the keys are of this checkout alone. */
export interface EmbeddedCloud {
  /** As "http://127.0.0.1:8423/v1". */
  endpoint: string;
  token: string;
  objectStorage: {
    endpoint: string;
    region: string;
    accessKey: string;
    secretKey: string;
    /** PEM. */
    caCertificate: string;
  };
}

/** Makes the passphrase of the embedded stacks' secrets where there is none. */
export async function ensurePassphrase(): Promise<void> {
  const path = embeddedPaths.passphrase();
  const draft = `${path}.${process.pid}`;
  await writeFile(draft, randomBytes(32).toString("base64url"), { mode: 0o600 });
  try {
    // A link is made whole or not at all, and never over an existing file.
    await link(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

/**
 * Brings the working copy of an embedded stack's file up to date: the file itself and what the running cloud
 * adds to it. Secrets are encrypted by the engine, and only when they have changed.
 */
export async function writeWorkingCopy(deployment: Deployment, cloud: EmbeddedCloud): Promise<void> {
  const path = embeddedPaths.workingCopy(deployment.file.stack);
  const before = await readCopy(path);
  const secrets = secretsOf(cloud, deployment.file);
  const print = fingerprint(secrets);
  const keep = before?.print === print ? before.config : {};
  const next = copyText({ file: deployment.file, cloud, print, kept: keep, salt: before?.salt });
  if (next !== before?.text) await writeFileAtomic(path, next, { mode: 0o600 });
  await ensureStack(deployment);
  if (before?.print === print && before.complete) return;
  for (const [key, value] of Object.entries(secrets)) {
    const args = ["config", "set", "--secret", "--path", key, "--stack", deployment.file.stack];
    await runEngine(deployment, args, { input: value });
  }
  await chmod(path, 0o600);
}

/** The secrets by where they go, as `--path` wants it: the cloud's, and those that stand in clear in the file. */
function secretsOf(cloud: EmbeddedCloud, file: StackFile): Record<string, string> {
  const own = ownPlaces
    .map((place) => [place, valueAt(file.config, place)] as const)
    .filter((entry): entry is [string[], string] => typeof entry[1] === "string");
  return {
    "hcloud:token": cloud.token,
    "phasewise:objectStorage.accessKey": cloud.objectStorage.accessKey,
    "phasewise:objectStorage.secretKey": cloud.objectStorage.secretKey,
    ...Object.fromEntries(own.map(([place, value]) => [place.join("."), value])),
  };
}

/** Where a stack's file may hold secrets of its own: all others come from the cloud. */
const ownPlaces = secretSettings
  .filter(([name]) => name === "alerts")
  .map(([name, ...place]) => [`phasewise:${name}`, ...place]);

function fingerprint(secrets: Record<string, string>): string {
  return createHash("sha256").update(JSON.stringify(secrets)).digest("hex").slice(0, 32);
}

interface Copy {
  text: string;
  config: Record<string, unknown>;
  /** Pulumi's salt of the secrets. */
  salt: unknown;
  /** Of which secrets the encrypted values are. */
  print: string | undefined;
  /** All secrets are there, encrypted. */
  complete: boolean;
}

async function readCopy(path: string): Promise<Copy | null> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  const content = parse(text) as { config?: Record<string, unknown>; encryptionsalt?: string };
  const config = content.config ?? {};
  return {
    text,
    config,
    salt: content.encryptionsalt,
    print: config[printKey] as string | undefined,
    complete: isComplete(config),
  };
}

/** Whether the cloud's secrets are there, and none that came from the file waits for its turn. */
function isComplete(config: Record<string, unknown>): boolean {
  const waiting = ownPlaces.some((place) => valueAt(config, place) === WAITING);
  return !waiting && Object.values(encryptedIn(config)).every((value) => value !== undefined);
}

/** The encrypted values of a working copy; undefined where one is missing. */
function encryptedIn(config: Record<string, unknown>) {
  const storage = (config["phasewise:objectStorage"] ?? {}) as Record<string, unknown>;
  return { token: config["hcloud:token"], accessKey: storage.accessKey, secretKey: storage.secretKey };
}

/** A key of its own namespace: no plugin and no schema reads it. */
const printKey = "phasewise-working-copy:secrets";

/** Stands in a working copy for a secret of the file until the engine has encrypted it. */
const WAITING = "";

/** The file's settings with its secrets as they were encrypted before. */
function withoutSecrets(config: Record<string, unknown>, kept: Record<string, unknown>) {
  const next = structuredClone(config);
  for (const place of ownPlaces) {
    if (typeof valueAt(next, place) !== "string") continue;
    const section = valueAt(next, place.slice(0, -1)) as Record<string, unknown>;
    section[place.at(-1)!] = valueAt(kept, place) ?? WAITING;
  }
  return next;
}

/** The text of a working copy; secrets that are kept come from the copy before. */
export function copyText(args: {
  file: StackFile;
  cloud: EmbeddedCloud;
  print: string;
  kept: Record<string, unknown>;
  salt: unknown;
}): string {
  const { file, cloud, kept } = args;
  const { accessKey: _, secretKey: __, ...storage } = cloud.objectStorage;
  const { token, ...keys } = encryptedIn(kept);
  const content = {
    ...(args.salt ? { encryptionsalt: args.salt } : {}),
    ...file.rest,
    config: {
      ...withoutSecrets(file.config, kept),
      "hcloud:endpoint": cloud.endpoint,
      "hcloud:pollInterval": "100ms",
      ...(token ? { "hcloud:token": token } : {}),
      "phasewise:objectStorage": { ...storage, ...bucketOf(file), ...keys },
      [printKey]: args.print,
    },
  };
  // As YAML 1.1, which Pulumi reads: a text that would be a time or a truth value there gets quotation marks.
  return stringify(content, { lineWidth: 0, version: "1.1" });
}

/** The file may name the bucket; where that is and who may use it is the running cloud's to say. */
function bucketOf({ config }: StackFile): { bucket?: unknown } {
  const named = config["phasewise:objectStorage"] as { bucket?: unknown } | null | undefined;
  return named?.bucket === undefined ? {} : { bucket: named.bucket };
}
