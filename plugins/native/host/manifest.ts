import { z } from "zod";
import type { Fault } from "./faults.ts";

/** What one machine must look like, as a program writes it; the wire format of the converger too. */

const absolute = z
  .string()
  .regex(/^(\/[^/\0\s][^/\0]*)+$/, "must be an absolute path without a slash at its end")
  .refine(
    (path) => !path.split("/").some((part) => part === "." || part === ".."),
    "must not contain . or ..",
  );
const account = z.string().regex(/^[a-z_][a-z0-9_-]*$/, "must be the name of a user or group");
const packageName = z.string().regex(/^[a-z0-9][a-z0-9+.-]+$/, "must be the name of a Debian package");
const unitName = z
  .string()
  .regex(
    /^[\w:.\\@-]+\.(service|timer|socket|target|path|mount|slice)$/,
    "must be a unit with its suffix, as x.service",
  );
const script = z.string().min(1, "must not be empty");

const directory = z.strictObject({
  path: absolute,
  owner: account,
  group: account,
  mode: z.string().regex(/^[0-7]{4}$/, 'must be four octal digits, as "0640"'),
});

const file = directory.extend({
  content: z.string(),
  seed: z.boolean().optional(),
  beforePackages: z.boolean().optional(),
  onChange: z
    .array(z.strictObject({ unit: unitName, action: z.enum(["reload", "restart", "pending"]) }))
    .optional(),
});

const step = z.strictObject({ name: script, probe: script, act: script });

const probe = z.strictObject({
  name: script,
  command: script,
  deadlineSeconds: z.number().positive(),
  units: z.array(unitName),
});

const unit = z.strictObject({
  name: unitName,
  state: z.enum(["running", "enabled", "stopped"]),
  stateful: z.boolean(),
});

const role = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]*$/, "must be lower case letters, digits and dashes"),
  packages: z.array(packageName),
  hold: z.array(packageName),
  directories: z.array(directory),
  files: z.array(file),
  prepare: z.array(step),
  units: z.array(unit),
  finish: z.array(step),
  ready: probe.optional(),
});

const mount = z.strictObject({
  device: absolute.refine((path) => path.startsWith("/dev/"), "must be below /dev"),
  path: absolute,
  filesystem: z.enum(["ext4", "xfs"]),
  options: z.array(z.string().regex(/^[^\s,]+$/, "must be one mount option")),
});

export const manifestSchema = z.strictObject({
  version: z.literal(1),
  hostname: z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, "must be a host name without a domain"),
  mounts: z.array(mount),
  roles: z.array(role),
});

export type Manifest = z.infer<typeof manifestSchema>;
export type RoleManifest = Manifest["roles"][number];
export type ManagedFile = RoleManifest["files"][number];

const PLACEHOLDER = /\{\{secret:([^}]*)\}\}/g;

/** The names of the secrets that the manifest's files ask for. */
export function secretNames(manifest: Manifest): Set<string> {
  const texts = manifest.roles.flatMap((part) => part.files.map((item) => item.content));
  return new Set(texts.flatMap((text) => [...text.matchAll(PLACEHOLDER)].map((match) => match[1] ?? "")));
}

/** Faults below the manifest that no single value shows: names used twice, unknown secrets, packages held but not wanted. */
export function crossFaults(manifest: Manifest, secrets: ReadonlySet<string> | null): Fault[] {
  const faults: Fault[] = [];
  const unique = uniqueness(faults);
  const agree = agreement(faults);
  manifest.mounts.forEach((item, index) => {
    unique("mount", item.path, ["mounts", index, "path"]);
    unique("mount of the device", item.device, ["mounts", index, "device"]);
  });
  manifest.roles.forEach((part, index) => {
    const at = ["roles", index];
    unique("role", part.name, [...at, "name"]);
    part.directories.forEach((item, at2) => {
      unique(`directory of ${part.name}`, item.path, [...at, "directories", at2, "path"]);
      agree(item, [...at, "directories", at2]);
    });
    part.units.forEach((item, at2) => {
      unique("unit", item.name, [...at, "units", at2, "name"]);
    });
    part.hold.forEach((name, at2) => {
      if (part.packages.includes(name)) return;
      faults.push({
        path: [...at, "hold", at2],
        reason: `${name} is held but not among the packages of the role`,
      });
    });
    part.files.forEach((item, at2) => {
      unique("path", item.path, [...at, "files", at2, "path"]);
      faults.push(...fileFaults(item, [...at, "files", at2], secrets));
    });
  });
  return faults;
}

function fileFaults(
  item: ManagedFile,
  at: (string | number)[],
  secrets: ReadonlySet<string> | null,
): Fault[] {
  const faults: Fault[] = [];
  const names = [...item.content.matchAll(PLACEHOLDER)].map((match) => match[1] ?? "");
  for (const name of new Set(names)) {
    if (!/^[A-Za-z0-9._-]+$/.test(name)) {
      faults.push({ path: [...at, "content"], reason: `"${name}" cannot be the name of a secret` });
    } else if (secrets !== null && !secrets.has(name)) {
      faults.push({ path: [...at, "content"], reason: `asks for the secret ${name}, which is not given` });
    }
  }
  if (item.beforePackages === true && (item.owner !== "root" || item.group !== "root")) {
    faults.push({
      path: [...at, "owner"],
      reason: "must be root for a file that is written before packages bring users",
    });
  }
  return faults;
}

function uniqueness(faults: Fault[]) {
  const seen = new Set<string>();
  return (what: string, name: string, path: (string | number)[]) => {
    if (seen.has(`${what} ${name}`)) faults.push({ path, reason: `${name} is there twice` });
    seen.add(`${what} ${name}`);
  };
}

/** Several roles may want the same directory, if they want it alike. */
function agreement(faults: Fault[]) {
  const wanted = new Map<string, string>();
  return (item: z.infer<typeof directory>, path: (string | number)[]) => {
    const as = `${item.owner}:${item.group} ${item.mode}`;
    const first = wanted.get(item.path) ?? as;
    wanted.set(item.path, first);
    if (first !== as)
      faults.push({ path, reason: `${item.path} should be ${as}, another role wants ${first}` });
  };
}
