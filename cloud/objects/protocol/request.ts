import { S3Error } from "./errors.ts";

/** The longest key in bytes of UTF-8, as at S3. */
const maximalKey = 1024;

/** A request's head, decoded. Path style only: the first segment of the path is the bucket. */
export interface RequestHead {
  method: string;
  /** As it was sent, without the query. */
  path: string;
  /** Empty for requests about the service. */
  bucket: string;
  /** Empty for requests about a bucket. */
  key: string;
  /** Decoded, in the order in which they were sent; a name without `=` has the value "". */
  query: [name: string, value: string][];
  /** By lower-case names. */
  headers: Record<string, string>;
}

/**
 * @param target the request target as it stands in the request line
 * @throws S3Error InvalidURI, KeyTooLongError.
 */
export function parseHead(method: string, target: string, headers: Record<string, string>): RequestHead {
  const mark = target.indexOf("?");
  const path = mark < 0 ? target : target.slice(0, mark);
  const query = mark < 0 ? [] : parseQuery(target.slice(mark + 1));
  if (!path.startsWith("/")) throw invalidUri();
  const slash = path.indexOf("/", 1);
  const bucket = decode(slash < 0 ? path.slice(1) : path.slice(1, slash));
  const key = slash < 0 ? "" : decode(path.slice(slash + 1));
  if (Buffer.byteLength(key) > maximalKey) {
    throw new S3Error("KeyTooLongError", "Your key is too long.", {
      MaxSizeAllowed: String(maximalKey),
      Size: String(Buffer.byteLength(key)),
    });
  }
  if (key.includes("\0")) throw invalidUri();
  return { method, path, bucket, key, query, headers };
}

/** The first value of a query parameter. */
export function queryValue(head: RequestHead, name: string): string | undefined {
  return head.query.find(([key]) => key === name)?.[1];
}

/**
 * A whole number from the query.
 * @throws S3Error InvalidArgument.
 */
export function queryNumber(
  head: RequestHead,
  name: string,
  range: { least: number; most: number },
): number | undefined {
  const value = queryValue(head, name);
  if (value === undefined || value === "") return undefined;
  const number = /^\d{1,10}$/.test(value) ? Number(value) : Number.NaN;
  if (number >= range.least && number <= range.most) return number;
  throw new S3Error(
    "InvalidArgument",
    `Argument ${name} must be an integer between ${range.least} and ${range.most}.`,
    { ArgumentName: name, ArgumentValue: value },
  );
}

/** As RFC 3986 and S3 want it: all but the unreserved characters as percent signs of UTF-8 bytes. */
export function encodeUri(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/**
 * The path in the one form in which it is signed: every segment decoded and encoded again.
 * @throws S3Error InvalidURI.
 */
export function canonicalPath(path: string): string {
  return path
    .split("/")
    .map((segment) => encodeUri(decode(segment)))
    .join("/");
}

function parseQuery(text: string): [string, string][] {
  return text
    .split("&")
    .filter((pair) => pair !== "")
    .map((pair) => {
      const equals = pair.indexOf("=");
      const plain = (part: string) => decode(part.replaceAll("+", " "));
      return equals < 0 ? [plain(pair), ""] : [plain(pair.slice(0, equals)), plain(pair.slice(equals + 1))];
    });
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalidUri();
  }
}

function invalidUri(): S3Error {
  return new S3Error("InvalidURI", "Couldn't parse the specified URI.");
}
