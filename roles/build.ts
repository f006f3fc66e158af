import type { Directory, ManagedFile, OnChange, RoleManifest, Unit } from "./manifest.ts";

/** Short forms for the parts of a role. */

/** A role with only those parts that it has. */
export function role(name: string, parts: Partial<Omit<RoleManifest, "name">>): RoleManifest {
  return {
    name,
    packages: [],
    hold: [],
    directories: [],
    files: [],
    prepare: [],
    units: [],
    finish: [],
    ...parts,
  };
}

/** Who owns a file or directory. The group is the owner's own unless one is given. */
interface Ownership {
  owner?: string;
  group?: string;
  mode?: string;
}

/** A managed file, of root's and readable by everybody unless said otherwise. */
export function file(
  path: string,
  content: string,
  options: Ownership & Pick<ManagedFile, "seed" | "beforePackages" | "onChange"> = {},
): ManagedFile {
  const { owner = "root", group = owner, mode = "0644", ...rest } = options;
  return { path, owner, group, mode, content, ...rest };
}

export function directory(path: string, options: Ownership = {}): Directory {
  const { owner = "root", group = owner, mode = "0755" } = options;
  return { path, owner, group, mode };
}

export function running(name: string, options: { stateful?: boolean } = {}): Unit {
  return { name, state: "running", stateful: options.stateful ?? false };
}

export function reload(...units: string[]): OnChange[] {
  return units.map((unit) => ({ unit, action: "reload" }));
}

export function restart(...units: string[]): OnChange[] {
  return units.map((unit) => ({ unit, action: "restart" }));
}

export function pending(...units: string[]): OnChange[] {
  return units.map((unit) => ({ unit, action: "pending" }));
}

/** An INI section; entries are written as `key = value` in the given order. */
export function iniSection(name: string, entries: Record<string, string | number>): string {
  return `[${name}]\n${Object.entries(entries)
    .map(([key, value]) => `${key} = ${value}`.trimEnd())
    .join("\n")}\n`;
}

/** Lines to a text that ends with a newline. */
export function lines(...text: string[]): string {
  return `${text.join("\n")}\n`;
}
