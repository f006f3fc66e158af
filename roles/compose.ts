import type { Manifest, Mount, RoleManifest } from "./manifest.ts";

/** What a machine is made of. */
export interface Composition {
  hostname: string;
  mounts: Mount[];
  /** In the order in which they are applied. */
  roles: RoleManifest[];
}

const HOSTNAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const MODE = /^0[0-7]{3}$/;

/**
 * Makes one machine's manifest of its roles.
 *
 * Throws one error that names every fault: two roles that manage the same file or unit, a directory that two roles
 * want differently, a role twice, a reaction to a unit that no role has, a path that is not absolute, a mount twice.
 */
export function composeManifest(machine: Composition): Manifest {
  const faults = [
    ...nameFaults(machine),
    ...pathFaults(machine),
    ...ownershipFaults(machine),
    ...unitFaults(machine),
  ];
  if (faults.length > 0) {
    throw new Error(
      `The manifest of ${machine.hostname} is contradictory, nothing was sent to it:\n${faults.map((fault) => `- ${fault}`).join("\n")}`,
    );
  }
  return {
    version: 1,
    hostname: machine.hostname,
    mounts: machine.mounts,
    roles: machine.roles.map(sortPackages),
  };
}

/** Package names in one order, whatever order a role lists them in: no difference without a change. */
function sortPackages(role: RoleManifest): RoleManifest {
  return { ...role, packages: [...new Set(role.packages)].sort(), hold: [...new Set(role.hold)].sort() };
}

function nameFaults({ hostname, roles }: Composition): string[] {
  const faults = HOSTNAME.test(hostname) ? [] : [`"${hostname}" is no host name`];
  for (const name of repeated(roles.map((role) => role.name))) faults.push(`role ${name} is there twice`);
  for (const role of roles) {
    for (const held of role.hold.filter((name) => !role.packages.includes(name))) {
      faults.push(`role ${role.name} holds ${held} but does not install it`);
    }
  }
  return faults;
}

function pathFaults({ mounts, roles }: Composition): string[] {
  const entries = roles.flatMap((role) => [...role.files, ...role.directories]);
  const paths = [...entries.map((entry) => entry.path), ...mounts.map((mount) => mount.path)];
  return [
    ...new Set(
      paths
        .filter((path) => !path.startsWith("/") || path.endsWith("/"))
        .map((path) => `"${path}" is no absolute path`),
    ),
    ...entries
      .filter((entry) => !MODE.test(entry.mode))
      .map((entry) => `${entry.path}: "${entry.mode}" is no mode`),
    ...repeated(mounts.map((mount) => mount.path)).map((path) => `${path} is mounted twice`),
    ...repeated(mounts.map((mount) => mount.device)).map((device) => `${device} is mounted twice`),
  ];
}

function ownershipFaults({ roles }: Composition): string[] {
  const faults: string[] = [];
  const files = roles.flatMap((role) => role.files.map((file) => ({ key: file.path, role: role.name })));
  faults.push(...claimedTwice("file", files));
  const wanted = new Map<string, { role: string; as: string }>();
  for (const role of roles) {
    for (const { path, owner, group, mode } of role.directories) {
      const as = `${owner}:${group} ${mode}`;
      const first = wanted.get(path);
      if (first && first.as !== as) {
        faults.push(`directory ${path}: role ${first.role} wants ${first.as}, role ${role.name} wants ${as}`);
      }
      wanted.set(path, first ?? { role: role.name, as });
    }
  }
  return faults;
}

function unitFaults({ roles }: Composition): string[] {
  const units = roles.flatMap((role) => role.units.map((unit) => ({ key: unit.name, role: role.name })));
  const known = new Set(units.map((unit) => unit.key));
  const reactions = roles.flatMap((role) =>
    role.files.flatMap((file) =>
      (file.onChange ?? [])
        .filter((reaction) => !known.has(reaction.unit))
        .map(
          (reaction) =>
            `a change of ${file.path} (role ${role.name}) concerns ${reaction.unit}, which no role has`,
        ),
    ),
  );
  return [...claimedTwice("unit", units), ...reactions];
}

function claimedTwice(kind: string, claims: { key: string; role: string }[]): string[] {
  return repeated(claims.map((claim) => claim.key)).map((key) => {
    const roles = claims.filter((claim) => claim.key === key).map((claim) => claim.role);
    return `${kind} ${key} is managed by ${roles.join(" and ")}`;
  });
}

function repeated(values: string[]): string[] {
  return [...new Set(values.filter((value, index) => values.indexOf(value) !== index))];
}
