import type { z } from "zod";
import { bare } from "./expectation.ts";
import { describe, didYouMean, type Fault } from "./fault.ts";
import { ENCRYPTED, type RawSettings, secretSettings, valueAt } from "./judge.ts";
import { settings } from "./settings.ts";

/** A stack's settings as they were read, and what was wrong with how they stood there. */
export interface Source {
  /** For people, as `stacks/Pulumi.dev.yaml`. */
  name: string;
  /** Keys without their namespace. */
  settings: RawSettings;
  faults: Fault[];
}

const project = "phasewise";
/** Namespaces of packages that this project uses. */
const namespaces = [project, "hcloud", "pulumi"];

/**
 * The settings in a stack's file.
 *
 * @param file Its name, for messages.
 * @param config What stands under `config:`, as a YAML parser gives it; encrypted values stay encrypted.
 */
export function fromStackFile(file: string, config: unknown): Source {
  if (config !== undefined && config !== null && (typeof config !== "object" || Array.isArray(config))) {
    const fix = "write the settings under config:, one phasewise:<setting> a line";
    return {
      name: file,
      settings: {},
      faults: [{ path: "config", found: describe(config), allowed: "settings", fix }],
    };
  }
  const entries = Object.entries(config ?? {}).map(
    ([key, value]) => [qualified(key), readable(value)] as const,
  );
  const embedded = entries.some(([key, value]) => key === `${project}:cloud` && value === "embedded");
  const faults = entries.flatMap(([key, value]) => [
    ...namespaceFaults(key, value),
    ...plainSecretFaults(key, value, embedded),
  ]);
  return { name: file, settings: ownSettings(entries), faults };
}

/**
 * The settings as Pulumi hands them to a program: every value is a text (sections are JSON), secrets are in clear.
 *
 * @param config By full name, as `phasewise:phase`.
 * @param isSecret Whether Pulumi treats the setting as a secret.
 */
export function fromPulumi(
  file: string,
  config: Record<string, string>,
  isSecret: (key: string) => boolean,
): Source {
  const entries = Object.entries(config).map(([key, value]) => [key, value] as const);
  const read = ownSettings(entries);
  const faults = entries.flatMap(([key, value]) => [
    ...namespaceFaults(key, value),
    ...(isSecret(key) ? [] : plainSecretFaults(key, holdsSecrets(key) ? parsed(value) : value)),
    ...(key === "hcloud:token" ? (checkToken(value) ?? []) : []),
  ]);
  return { name: file, settings: read, faults };
}

/** What is wrong with an API token of Hetzner Cloud; null: nothing. The token is never shown. */
export function checkToken(token: string | undefined): Fault[] | null {
  if (token && /^[A-Za-z0-9]{64}$/.test(token)) return null;
  const found = token ? `a text of ${token.length} characters` : "nothing";
  const odd = token?.length === 64 ? `${found}, not all of them letters and digits` : found;
  return [
    {
      path: "hcloud:token",
      found: odd,
      allowed: "64 letters and digits",
      fix: "make a token with read and write access in Hetzner's console, then npx pulumi config set --secret hcloud:token",
    },
  ];
}

function qualified(key: string): string {
  return key.includes(":") ? key : `${project}:${key}`;
}

/** Encrypted values become ENCRYPTED, at any depth. */
function readable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(readable);
  if (value === null || typeof value !== "object") return value;
  const entries = Object.entries(value);
  if (entries.length === 1 && entries[0]![0] === "secure") return ENCRYPTED;
  return Object.fromEntries(entries.map(([key, part]) => [key, readable(part)]));
}

function ownSettings(entries: (readonly [string, unknown])[]): RawSettings {
  const own = entries.filter(([key]) => key.startsWith(`${project}:`));
  return Object.fromEntries(
    own.map(([key, value]) => {
      const name = key.slice(project.length + 1);
      return [name, typeof value === "string" ? typed(name, value) : value];
    }),
  );
}

/** A text as the kind of value that its setting wants; left as it is where that is impossible. */
function typed(name: string, value: string): unknown {
  const schema = (settings as Record<string, z.ZodType>)[name];
  const kind = schema && bare(schema).def.type;
  if (kind === undefined || kind === "string" || kind === "enum") return value;
  return parsed(value);
}

function parsed(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

/** A misspelt namespace would make its setting disappear without a word. */
function namespaceFaults(key: string, value: unknown): Fault[] {
  const [namespace = "", ...rest] = key.split(":");
  if (namespaces.includes(namespace)) return [];
  const near = didYouMean(namespace, namespaces);
  if (!near) return [];
  const found = `a setting of the unknown package ${namespace}${value === undefined ? ", empty" : ""}`;
  return [
    {
      path: key,
      found,
      allowed: `settings of ${namespaces.join(", ")}`,
      fix: `did you mean ${near}:${rest.join(":")}?`,
    },
  ];
}

function holdsSecrets(key: string): boolean {
  return secretSettings.some(([name]) => key === `${project}:${name}`);
}

/**
 * Stack files are committed: a credential in clear is one that everybody has.
 * @param embedded Receivers of alerts may stand in clear there: the working copy of the file has them encrypted. All
 *   other secrets come from the cloud itself.
 */
function plainSecretFaults(key: string, value: unknown, embedded = false): Fault[] {
  const fault = (path: string, command: string): Fault => ({
    path,
    found: "a secret in clear",
    allowed: "an encrypted value",
    fix: `make a new one, as this one may have been read, then ${command}`,
  });
  if (key === "hcloud:token") {
    return typeof value === "string" ? [fault(key, "npx pulumi config set --secret hcloud:token")] : [];
  }
  return secretSettings
    .filter(([name]) => key === `${project}:${name}` && !(embedded && name === "alerts"))
    .filter(([, ...place]) => typeof valueAt(value, place) === "string")
    .map((place) => `${project}:${place.join(".")}`)
    .map((path) => fault(path, `npx pulumi config set --secret --path ${path}`));
}
