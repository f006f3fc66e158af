import { S3Error } from "../protocol/errors.ts";

export interface ByteRange {
  start: number;
  /** Not included. */
  end: number;
}

/**
 * The bytes that a Range header asks for; null for all of them: without a header, with one that is no range of
 * bytes, and with several ranges, which S3 does not serve either.
 * @throws S3Error InvalidRange when not one byte of it exists.
 */
export function parseRange(header: string | undefined, size: number): ByteRange | null {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header?.trim() ?? "");
  if (match === null) return null;
  const [, first, last] = match as unknown as [string, string, string];
  if (first === "" && last === "") return null;
  if (first !== "" && last !== "" && Number(last) < Number(first)) return null;
  const range =
    first === ""
      ? { start: Math.max(size - Number(last), 0), end: size }
      : { start: Number(first), end: last === "" ? size : Math.min(Number(last) + 1, size) };
  if (range.start < range.end) return range;
  throw new S3Error("InvalidRange", "The requested range is not satisfiable", {
    RangeRequested: header!,
    ActualObjectSize: String(size),
  });
}
