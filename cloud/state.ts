import { randomInt } from "node:crypto";
import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import writeFileAtomic from "write-file-atomic";
import { z } from "zod";
import { messageOf } from "../toolchain/problem.ts";
import type { PublicRange } from "./hypervisor.ts";

/** The files of one cloud, all below its directory. */
export function paths(directory: string) {
  return {
    settings: join(directory, "settings.json"),
    daemon: join(directory, "daemon.json"),
    store: join(directory, "store.sqlite"),
    log: join(directory, "daemon.log"),
    /** Lines about the start under way. */
    progress: join(directory, "progress.log"),
    /** Why the last start failed. */
    failure: join(directory, "failure.json"),
    objects: join(directory, "objects"),
    machines: join(directory, "machines"),
  };
}

const settingsSchema = z.object({
  token: z.string().length(64),
  imagePackages: z.array(z.string()),
  /** Where the API listened last; 0: anywhere. */
  apiPort: z.int(),
});

/** What a cloud keeps from start to start. The token is a secret: the file's mode is 0600. */
export type Settings = z.infer<typeof settingsSchema>;

const objectStorageSchema = z.object({
  endpoint: z.string(),
  region: z.string(),
  accessKey: z.string(),
  secretKey: z.string(),
  caCertificate: z.string(),
});

/** An S3 endpoint with its keys; the certificate is PEM. */
export type ObjectStorageAccess = z.infer<typeof objectStorageSchema>;

const readySchema = z.object({
  endpoint: z.string(),
  objectStorage: objectStorageSchema,
  publicRange: z.custom<PublicRange>((value) => typeof value === "object" && value !== null),
});

/** How others reach a cloud that is up. */
export type Ready = z.infer<typeof readySchema>;

const daemonSchema = z.object({
  pid: z.int(),
  /** Start of the process in clock ticks since boot: with it a pid cannot be mistaken for a later process. */
  startTicks: z.string(),
  /** Null while it starts. */
  ready: readySchema.nullable(),
});

/** The process that runs, or ran, a cloud. */
export type DaemonRecord = z.infer<typeof daemonSchema>;

const secretMode = { mode: 0o600, encoding: "utf8" as const };

async function readJson<T>(path: string, schema: z.ZodType<T>): Promise<T | null> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  return schema.parse(JSON.parse(text));
}

async function writeJson(path: string, value: unknown): Promise<void> {
  await writeFileAtomic(path, `${JSON.stringify(value, null, 2)}\n`, secretMode);
}

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/** An API token of Hetzner's shape. */
export function newToken(): string {
  return Array.from({ length: 64 }, () => letters[randomInt(letters.length)]).join("");
}

export async function readSettings(directory: string): Promise<Settings | null> {
  return readJson(paths(directory).settings, settingsSchema);
}

export async function writeSettings(directory: string, settings: Settings): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await writeJson(paths(directory).settings, settings);
}

export async function readDaemon(directory: string): Promise<DaemonRecord | null> {
  return readJson(paths(directory).daemon, daemonSchema);
}

export async function writeDaemon(directory: string, record: DaemonRecord): Promise<void> {
  await writeJson(paths(directory).daemon, record);
}

export async function removeDaemon(directory: string): Promise<void> {
  await rm(paths(directory).daemon, { force: true });
}

const failureSchema = z.object({
  happened: z.string(),
  left: z.string().optional(),
  todo: z.array(z.string()).default([]),
  details: z.array(z.string()).default([]),
});

/** Leaves the reason of a failed start to those who wait for it. */
export async function writeFailure(directory: string, error: unknown): Promise<void> {
  const told = failureSchema.safeParse(error);
  await writeJson(paths(directory).failure, told.success ? told.data : { happened: messageOf(error) });
}

export async function readFailure(directory: string): Promise<z.infer<typeof failureSchema> | null> {
  return readJson(paths(directory).failure, failureSchema);
}

/** Start of a process in clock ticks since boot (proc(5), stat field 22); null when there is no such process. */
export async function startTicks(pid: number): Promise<string | null> {
  let stat: string;
  try {
    stat = await readFile(`/proc/${pid}/stat`, "utf8");
  } catch (error) {
    if (["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) return null;
    throw error;
  }
  const [state, ...fields] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return state === "Z" ? null : (fields[18] ?? null);
}

/** Whether the recorded process is still there, and is that process. */
export async function isAlive(record: DaemonRecord): Promise<boolean> {
  return (await startTicks(record.pid)) === record.startTicks;
}
