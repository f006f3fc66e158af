import { type Document, isMap, isNode, isPair, type LineCounter } from "yaml";

/** Finds the lines of a YAML document's parts. */
export interface Locator {
  /** The line (from 1) of what stands at a path; of the nearest part above it where nothing stands there. */
  lineOf(path: readonly PropertyKey[]): number;
}

export function locator(document: Document, counter: LineCounter): Locator {
  const line = (offset: number | undefined) => counter.linePos(offset ?? 0).line;
  return {
    lineOf: (path) => {
      for (let length = path.length; length > 0; length--) {
        const offset = offsetOf(document, path.slice(0, length));
        if (offset !== undefined) return line(offset);
      }
      return line(isNode(document.contents) ? document.contents.range?.[0] : 0);
    },
  };
}

/** Where a part begins: with its key, where it has one. */
function offsetOf(document: Document, path: readonly PropertyKey[]): number | undefined {
  const parent: unknown = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  const last = path.at(-1);
  if (isMap(parent)) {
    const pair = parent.items.find((item) => isPair(item) && String(item.key) === String(last));
    return isNode(pair?.key) ? pair.key.range?.[0] : undefined;
  }
  const node: unknown = document.getIn(path, true);
  return isNode(node) ? node.range?.[0] : undefined;
}
