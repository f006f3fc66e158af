import { Secret, UNKNOWN } from "../../server/resource.ts";
import { hasSecret, isObject, unwrap } from "../../server/values.ts";
import type { Manifest, RoleManifest } from "./manifest.ts";

/**
 * A manifest as the state keeps it: roles, files and directories by name instead of by index, so that a preview
 * shows a changed line under its file's path, and a new file does not make all that follow look changed.
 * `found` is only there after a refresh: what the machine had instead.
 */
export interface StoredManifest {
  version: 1;
  hostname: string;
  mounts: Record<string, StoredMount>;
  order: string[];
  roles: Record<string, StoredRole>;
  found?: string[];
}

type StoredMount = Omit<Manifest["mounts"][number], "path"> & { found?: string };
type ByPath<T extends { path: string }> = Record<string, Omit<T, "path">>;
type Found<T> = (T & { found?: string })[];

export interface StoredRole {
  packages: string[];
  hold: string[];
  directories: ByPath<RoleManifest["directories"][number]>;
  files: ByPath<RoleManifest["files"][number]>;
  prepare: Found<RoleManifest["prepare"][number]>;
  units: Found<RoleManifest["units"][number]>;
  finish: Found<RoleManifest["finish"][number]>;
  ready?: NonNullable<RoleManifest["ready"]> & { found?: string };
}

/**
 * The stored form of a manifest, or UNKNOWN where a preview does not know enough of it. Values that are unknown
 * inside files or mounts stay so. A secret inside makes all of it secret: contents belong into the secret map.
 */
export function store(manifest: unknown): unknown {
  if (hasSecret(manifest)) return new Secret(store(unwrap(manifest)));
  if (!isObject(manifest) || !Array.isArray(manifest.roles) || !Array.isArray(manifest.mounts))
    return UNKNOWN;
  const roles = byName(manifest.roles, "name");
  const mounts = byName(manifest.mounts, "path");
  if (roles === null || mounts === null) return UNKNOWN;
  const stored: Record<string, unknown> = {};
  for (const [name, part] of Object.entries(roles)) {
    const files = Array.isArray(part.files) ? byName(part.files, "path") : null;
    const directories = Array.isArray(part.directories) ? byName(part.directories, "path") : null;
    if (files === null || directories === null) return UNKNOWN;
    stored[name] = { ...part, files, directories };
  }
  return { ...manifest, mounts, order: Object.keys(roles), roles: stored };
}

/** The wire form of a stored manifest. */
export function restore(stored: StoredManifest): Manifest {
  const paths = <T extends object>(items: Record<string, T>) =>
    Object.entries(items)
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([path, item]) => ({ path, ...without(item) }));
  return {
    version: stored.version,
    hostname: stored.hostname,
    mounts: paths(stored.mounts),
    roles: stored.order.map((name) => {
      const part = stored.roles[name];
      if (part === undefined) throw new Error(`the role ${name} is missing in the state`);
      return {
        name,
        ...part,
        directories: paths(part.directories),
        files: paths(part.files),
        prepare: part.prepare.map(without),
        units: part.units.map(without),
        finish: part.finish.map(without),
        ...(part.ready === undefined ? {} : { ready: without(part.ready) }),
      };
    }) as Manifest["roles"],
  } as Manifest;
}

/** The item without what a refresh noted in it. */
function without<T extends object>(item: T): T {
  const { found: _found, ...rest } = item as T & { found?: string };
  return rest as T;
}

/** Items by their name or path, without it; null where one of these is not known yet. */
function byName(items: unknown[], key: string): Record<string, Record<string, unknown>> | null {
  const found: Record<string, Record<string, unknown>> = {};
  for (const item of items) {
    if (!isObject(item) || typeof item[key] !== "string") return null;
    const { [key]: name, ...rest } = item;
    found[name as string] = rest;
  }
  return found;
}

const GUARD = "10-phasewise-mounts.conf";

/**
 * The manifest with a drop-in `RequiresMountsFor=` for every unit of a role that keeps something below a mount:
 * without its volume the unit does not start and writes nothing onto the root disk.
 */
export function withMountGuards(manifest: Manifest): Manifest {
  const roles = manifest.roles.map((part) => {
    const paths = [...part.directories, ...part.files].map((item) => item.path);
    const needed = manifest.mounts
      .map((mount) => mount.path)
      .filter((point) => paths.some((path) => path === point || path.startsWith(`${point}/`)));
    if (needed.length === 0) return part;
    const guards = part.units
      .filter((unit) => unit.state !== "stopped")
      .map((unit) => ({
        path: `/etc/systemd/system/${unit.name}.d/${GUARD}`,
        owner: "root",
        group: "root",
        mode: "0644",
        content: `[Unit]\nRequiresMountsFor=${needed.join(" ")}\n`,
      }));
    return { ...part, files: [...part.files, ...guards] };
  });
  return { ...manifest, roles };
}
