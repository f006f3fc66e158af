import { createHash, randomBytes } from "node:crypto";
import { chmod, link, readFile, rm, writeFile } from "node:fs/promises";
import writeFileAtomic from "write-file-atomic";
import { parse, stringify } from "yaml";
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
  const secrets = secretsOf(cloud);
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

/** Where the secrets go, as `--path` wants it. */
function secretsOf(cloud: EmbeddedCloud): Record<string, string> {
  return {
    "hcloud:token": cloud.token,
    "phasewise:objectStorage.accessKey": cloud.objectStorage.accessKey,
    "phasewise:objectStorage.secretKey": cloud.objectStorage.secretKey,
  };
}

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
    complete: Object.values(encryptedIn(config)).every((value) => value !== undefined),
  };
}

/** The encrypted values of a working copy; undefined where one is missing. */
function encryptedIn(config: Record<string, unknown>) {
  const storage = (config["phasewise:objectStorage"] ?? {}) as Record<string, unknown>;
  return { token: config["hcloud:token"], accessKey: storage.accessKey, secretKey: storage.secretKey };
}

/** A key of its own namespace: no plugin and no schema reads it. */
const printKey = "phasewise-working-copy:secrets";

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
      ...file.config,
      "hcloud:endpoint": cloud.endpoint,
      "hcloud:pollInterval": "100ms",
      ...(token ? { "hcloud:token": token } : {}),
      "phasewise:objectStorage": { ...storage, ...keys },
      [printKey]: args.print,
    },
  };
  return stringify(content, { lineWidth: 0 });
}
