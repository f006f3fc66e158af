/** Encrypted values of a stack's file, by their paths as `pulumi config set --path` wants them. */
export type Secrets = Record<string, string>;

/**
 * The encrypted values of a stack's settings in clear. The cloud's token is left out: what makes machines never lies in
 * the bucket of the backups, and after a disaster another one is as good.
 * @param config As it stands in the file; encrypted values are `{ secure: "..." }`.
 * @param plain What `pulumi config --show-secrets --json` prints.
 */
export function secretsOf(config: Record<string, unknown>, plain: string): Secrets {
  const values = JSON.parse(plain) as Record<string, { value?: string; objectValue?: unknown }>;
  const found: Secrets = {};
  for (const [key, setting] of Object.entries(config)) {
    if (key === TOKEN) continue;
    const { objectValue, value } = values[key] ?? {};
    for (const path of encryptedPaths(setting)) {
      const secret = path.reduce<unknown>(
        (at, part) => (at as Record<string, unknown> | undefined)?.[part],
        objectValue ?? value,
      );
      if (typeof secret !== "string") throw new Error(`the setting ${[key, ...path].join(".")} has no value`);
      found[[key, ...path].join(".")] = secret;
    }
  }
  return found;
}

const TOKEN = "hcloud:token";

/**
 * The settings of a stack without what only the lost passphrase or KMS could read: they are encrypted anew.
 * @param settings The parsed stack's file.
 */
export function withoutEncrypted(settings: Record<string, unknown>): Record<string, unknown> {
  const { encryptionsalt: _salt, encryptedkey: _key, secretsprovider: _provider, config, ...rest } = settings;
  return { ...rest, config: cleaned(config ?? {}) };
}

function cleaned(value: unknown): unknown {
  if (!isMap(value)) return value;
  const kept = Object.entries(value).filter(([, inner]) => !isEncrypted(inner));
  return Object.fromEntries(kept.map(([key, inner]) => [key, cleaned(inner)]));
}

function encryptedPaths(value: unknown): string[][] {
  if (isEncrypted(value)) return [[]];
  if (!isMap(value)) return [];
  return Object.entries(value).flatMap(([key, inner]) => encryptedPaths(inner).map((path) => [key, ...path]));
}

function isEncrypted(value: unknown): boolean {
  return isMap(value) && typeof value.secure === "string" && Object.keys(value).length === 1;
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
