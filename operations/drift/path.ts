/** The parts of a property path: `a.b["c.d"][0]` is a, b, c.d, 0. */
export function parsePath(path: string): string[] {
  const parts = path.matchAll(/\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|([^.[\]]+)/g);
  return [...parts].map(([, quoted, index, plain]) =>
    quoted === undefined ? (index ?? plain ?? "") : quoted.replace(/\\(.)/g, "$1"),
  );
}

/** What stands at a place; undefined where nothing does. */
export function valueAt(value: unknown, parts: string[]): unknown {
  return parts.reduce<unknown>(
    (at, part) =>
      at !== null && typeof at === "object" && Object.hasOwn(at, part)
        ? (at as Record<string, unknown>)[part]
        : undefined,
    value,
  );
}
