import { noSuchKey, notImplemented, S3Error } from "../protocol/errors.ts";
import type { Condition, StoredObject } from "../store/objects.ts";
import { unquoted } from "./headers.ts";

/**
 * The condition that a write's If-Match or If-None-Match puts on what is there.
 * @throws S3Error NotImplemented for forms that S3 does not know either.
 */
export function writeCondition(key: string, headers: Record<string, string>): Condition {
  const match = headers["if-match"];
  const noneMatch = headers["if-none-match"];
  if (noneMatch !== undefined && noneMatch !== "*")
    throw notImplemented("If-None-Match on writes but with *");
  return (current) => {
    if (noneMatch !== undefined && current !== undefined) throw failed("If-None-Match");
    if (match === undefined) return;
    if (current === undefined) throw noSuchKey(key);
    if (!matches(match, current)) throw failed("If-Match");
  };
}

/**
 * Whether the client has the object already, so that it gets 304 (RFC 9110, section 13.2.2).
 * @throws S3Error PreconditionFailed.
 */
export function isNotModified(object: StoredObject, headers: Record<string, string>): boolean {
  // HTTP's times have whole seconds.
  const modified = Math.floor(object.modified / 1000) * 1000;
  const match = headers["if-match"];
  if (match !== undefined) {
    if (!matches(match, object)) throw failed("If-Match");
  } else if (modified > Date.parse(headers["if-unmodified-since"] ?? "")) {
    throw failed("If-Unmodified-Since");
  }
  const noneMatch = headers["if-none-match"];
  if (noneMatch !== undefined) return matches(noneMatch, object);
  return modified <= Date.parse(headers["if-modified-since"] ?? "");
}

function matches(header: string, object: StoredObject): boolean {
  return header.split(",").some((etag) => etag.trim() === "*" || unquoted(etag) === object.etag);
}

function failed(condition: string): S3Error {
  return new S3Error("PreconditionFailed", "At least one of the pre-conditions you specified did not hold", {
    Condition: condition,
  });
}
