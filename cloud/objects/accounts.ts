import { randomBytes, randomInt } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import writeFileAtomic from "write-file-atomic";
import { z } from "zod";

const schema = z.object({
  accounts: z
    .array(z.object({ name: z.string().min(1), accessKey: z.string().min(1), secretKey: z.string().min(1) }))
    .min(1),
});

/** Whoever owns buckets. More than one can stand in the file; the first is ours. */
export interface Account {
  name: string;
  accessKey: string;
  secretKey: string;
}

/**
 * The accounts of the object storage in `directory`; null where it was never started.
 * @throws Error for people, when the file is there but cannot be used.
 */
export async function readAccounts(directory: string): Promise<Account[] | null> {
  const path = accountsPath(directory);
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  try {
    return schema.parse(JSON.parse(text)).accounts;
  } catch (error) {
    throw new Error(
      `${path} does not hold the access keys of the object storage any more. Nothing was changed. ` +
        "Restore it, or remove it to get new keys (stacks that use the old ones have to be told the new ones).",
      { cause: error },
    );
  }
}

/** The accounts, made once: an access key and a secret key in the form that Hetzner gives them. */
export async function ensureAccounts(directory: string): Promise<Account[]> {
  const found = await readAccounts(directory);
  if (found !== null) return found;
  const account = { name: "default", accessKey: accessKey(), secretKey: secretKey() };
  await write(directory, [account]);
  return [account];
}

/**
 * Gives every account another key, and forgets the one before; the buckets stay theirs. For an object storage that does
 * not run.
 */
export async function replaceKeys(directory: string): Promise<void> {
  const accounts = (await readAccounts(directory)) ?? [];
  if (accounts.length === 0) return;
  await write(
    directory,
    accounts.map(({ name }) => ({ name, accessKey: accessKey(), secretKey: secretKey() })),
  );
}

async function write(directory: string, accounts: Account[]): Promise<void> {
  await writeFileAtomic(accountsPath(directory), `${JSON.stringify({ accounts }, null, 2)}\n`, {
    mode: 0o600,
  });
}

function accountsPath(directory: string): string {
  return join(directory, "keys.json");
}

/** 20 capital letters and digits. */
function accessKey(): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  return Array.from({ length: 20 }, () => alphabet[randomInt(alphabet.length)]).join("");
}

/** 40 letters, digits, `-` and `_`: 240 random bits. */
function secretKey(): string {
  return randomBytes(30).toString("base64url");
}
