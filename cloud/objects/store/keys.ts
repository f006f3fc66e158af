const lastCodePoint = 0x10ffff;

/**
 * The smallest text that is greater, in the order of UTF-8 bytes, than every text that starts with `prefix`;
 * null where there is none (an empty prefix, or nothing but U+10FFFF).
 */
export function successor(prefix: string): string | null {
  const points = [...prefix];
  while (points.length > 0) {
    const last = points.pop()!.codePointAt(0)!;
    if (last < lastCodePoint) {
      // Surrogates are no characters: after U+D7FF comes U+E000.
      return points.join("") + String.fromCodePoint(last === 0xd7ff ? 0xe000 : last + 1);
    }
  }
  return null;
}

/** The common prefix that stands for `key` in a listing, undefined where the key stands for itself. */
export function commonPrefix(key: string, prefix: string, delimiter: string): string | undefined {
  if (delimiter === "") return undefined;
  const at = key.indexOf(delimiter, prefix.length);
  return at < 0 ? undefined : key.slice(0, at + delimiter.length);
}
