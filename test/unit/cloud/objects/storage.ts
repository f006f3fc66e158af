import { mkdtempSync, rmSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type S3Target, s3Client } from "../../../../clients/s3.ts";
import {
  type ObjectStorage,
  type ObjectStorageOptions,
  startObjectStorage,
} from "../../../../cloud/objects/server.ts";

/** An object storage on loopback in a directory of its own, for tests. */
export interface TestStorage extends ObjectStorage {
  directory: string;
  target: S3Target;
  /** Lines of its log. */
  lines: string[];
  /** Starts it again on the same directory. */
  restart(): Promise<TestStorage>;
  /** Closes it and removes its directory. */
  remove(): Promise<void>;
}

export function temporaryDirectory(): string {
  return mkdtempSync(join(tmpdir(), "phasewise-objects-"));
}

export async function startTestStorage(
  directory: string = temporaryDirectory(),
  options: Partial<ObjectStorageOptions> = {},
): Promise<TestStorage> {
  const lines: string[] = [];
  const storage = await startObjectStorage({
    directory,
    addresses: ["127.0.0.1"],
    port: 0,
    log: (line) => void lines.push(line),
    ...options,
  });
  return {
    ...storage,
    directory,
    lines,
    target: storage,
    restart: async () => {
      await storage.close();
      return await startTestStorage(directory, options);
    },
    remove: async () => {
      await storage.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** A second account of the storage in `directory`, known from its next start on. */
export async function addAccount(directory: string): Promise<{ accessKey: string; secretKey: string }> {
  const path = join(directory, "keys.json");
  const { accounts } = JSON.parse(await readFile(path, "utf8"));
  const account = { name: "somebody", accessKey: "SOMEBODYSOMEBODY0000", secretKey: "somebody's secret" };
  await writeFile(path, JSON.stringify({ accounts: [...accounts, account] }));
  return account;
}

export { s3Client };
