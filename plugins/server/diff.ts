import { type Diff, type DiffKind, type Properties, Secret, UNKNOWN } from "./resource.ts";
import { isObject, joinPath, unwrap } from "./values.ts";

type Kind = "add" | "delete" | "update";

/**
 * The changes between two property bags by property path (`rules[0].port`, `labels.team`), secrets compared by
 * their content. A value that is unknown counts as a change. Lists are compared by index.
 */
export function changedPaths(olds: Properties, news: Properties): Map<string, Kind> {
  const found = new Map<string, Kind>();
  compare(olds, news, "", found);
  return found;
}

/**
 * A whole `Diff` from old and new inputs. `forcesReplacement` gets a changed property path and its first
 * segment (`rules` for `rules[0].port`) and says whether its change replaces the resource.
 */
export function propertyDiff(args: {
  olds: Properties;
  news: Properties;
  forcesReplacement?: (path: string, property: string) => boolean;
  deleteBeforeReplace?: boolean;
}): Diff {
  const detailed: Record<string, DiffKind> = {};
  const replaces: string[] = [];
  for (const [path, kind] of changedPaths(args.olds, args.news)) {
    const replace = args.forcesReplacement?.(path, firstSegment(path)) ?? false;
    if (replace) replaces.push(path);
    detailed[path] = replace ? `${kind}-replace` : kind;
  }
  const changes = Object.keys(detailed).length > 0;
  const deleteBeforeReplace = replaces.length > 0 && (args.deleteBeforeReplace ?? false);
  return { changes, replaces, deleteBeforeReplace, detailed };
}

/** `rules` of `rules[0].port`. */
export function firstSegment(path: string): string {
  return /^[^.[]+/.exec(path)?.[0] ?? path;
}

function compare(old: unknown, now: unknown, path: string, found: Map<string, Kind>): void {
  const before = old instanceof Secret ? unwrap(old) : old;
  const after = now instanceof Secret ? unwrap(now) : now;
  if (before === after && after !== UNKNOWN) return;
  if (after === undefined || after === null) {
    if (before !== undefined && before !== null) found.set(path, "delete");
    return;
  }
  if (before === undefined || before === null) {
    found.set(path, "add");
    return;
  }
  if (Array.isArray(before) && Array.isArray(after)) {
    for (let index = 0; index < Math.max(before.length, after.length); index++) {
      compare(before[index], after[index], `${path}[${index}]`, found);
    }
    return;
  }
  if (isObject(before) && isObject(after)) {
    for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
      compare(before[key], after[key], joinPath(path, key), found);
    }
    return;
  }
  found.set(path, "update");
}
