import type { Difference } from "../../../clients/converger/events.ts";
import type { StoredManifest, StoredRole } from "./shape.ts";

/**
 * The manifest as the machine is: what a refresh stores, so that the next preview shows the way back. Files and
 * directories carry what was found, everything else a line `found` that says it.
 */
export function asFound(manifest: StoredManifest, differences: Difference[]): StoredManifest {
  const result = structuredClone(manifest);
  for (const difference of differences) {
    const part = difference.role === null ? undefined : result.roles[difference.role];
    const noted = part === undefined ? noteMachine(result, difference) : noteRole(part, difference);
    if (!noted) result.found = [...(result.found ?? []), sentence(difference)];
  }
  return result;
}

function noteMachine(manifest: StoredManifest, difference: Difference): boolean {
  if (difference.kind === "hostname") {
    manifest.hostname = difference.actual?.hostname ?? "";
    return true;
  }
  const mount = difference.kind === "mount" ? manifest.mounts[difference.name] : undefined;
  if (mount !== undefined) mount.found = mountWords(difference.what);
  return mount !== undefined;
}

function noteRole(part: StoredRole, difference: Difference): boolean {
  switch (difference.kind) {
    case "file":
      return notePath(part.files, difference);
    case "directory":
      return notePath(part.directories, difference);
    case "package":
      return notePackage(part, difference);
    case "unit":
      return noteFound(part.units, difference, unitWords(difference));
    case "step":
      return noteFound([...part.prepare, ...part.finish], difference, difference.what.join(", "));
    case "ready":
      return noteFound(part.ready === undefined ? [] : [part.ready], difference, difference.what.join(", "));
    default:
      return false;
  }
}

function notePath(items: Record<string, object>, difference: Difference): boolean {
  const item = items[difference.name];
  if (item === undefined) return false;
  const { kind, ...actual } = difference.actual ?? {};
  if (difference.what.includes("missing")) {
    delete items[difference.name];
  } else if (difference.what.includes("kind")) {
    items[difference.name] = { ...item, found: `a ${kind === "other" ? "link or special file" : kind}` };
  } else {
    items[difference.name] = { ...item, ...actual };
  }
  return true;
}

function notePackage(part: StoredRole, difference: Difference): boolean {
  const without = (names: string[]) => names.filter((name) => name !== difference.name);
  if (difference.what.includes("missing")) part.packages = without(part.packages);
  else part.hold = without(part.hold);
  return true;
}

function noteFound(
  items: { name: string; found?: string }[],
  difference: Difference,
  words: string,
): boolean {
  const item = items.find((candidate) => candidate.name === difference.name);
  if (item !== undefined) item.found = words;
  return item !== undefined;
}

function unitWords(difference: Difference): string {
  const enabled = difference.what.includes("enable")
    ? ", not enabled"
    : difference.what.includes("disable")
      ? ", enabled"
      : "";
  return `${difference.actual?.active ?? "unknown"}${enabled}`;
}

const MOUNT_WORDS: Record<string, string> = {
  device: "the device is not there",
  mounted: "not mounted",
  unit: "its mount unit differs",
  size: "smaller than its device",
};

function mountWords(what: string[]): string {
  return what.map((word) => MOUNT_WORDS[word] ?? word).join(", ");
}

function sentence(difference: Difference): string {
  return `${difference.kind} ${difference.name}: ${difference.what.join(", ")}`;
}
