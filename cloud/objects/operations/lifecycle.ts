import { randomUUID } from "node:crypto";
import { notImplemented, S3Error } from "../protocol/errors.ts";
import { elements, malformed, text, type XmlValue } from "../protocol/xml.ts";
import type { Rule } from "../store/lifecycle.ts";
import { type Answer, type Exchange, isoTime, readXml, result } from "./exchange.ts";

/** The most rules of a bucket, as at S3. */
const maximalRules = 1000;
const day = 24 * 3600_000;

export function getLifecycle({ head, store }: Exchange): Answer {
  const rules = store.buckets.find(head.bucket)!.lifecycle;
  if (rules.length === 0) {
    throw new S3Error("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist", {
      BucketName: head.bucket,
    });
  }
  return result("LifecycleConfiguration", { Rule: rules.map(render) });
}

/** The rules are applied at the next round of the storage, at most an hour later. */
export async function putLifecycle(exchange: Exchange): Promise<Answer> {
  const body = await readXml(exchange, "LifecycleConfiguration");
  const rules = elements(body?.Rule).map(parse);
  if (rules.length === 0 || rules.length > maximalRules) throw malformed();
  if (new Set(rules.map(({ id }) => id)).size < rules.length) {
    throw new S3Error("InvalidArgument", "Rule ID must be unique. Found same ID for more than one rule");
  }
  exchange.store.buckets.setLifecycle(exchange.head.bucket, rules);
  return { status: 200 };
}

export function deleteLifecycle({ head, store }: Exchange): Answer {
  store.buckets.setLifecycle(head.bucket, []);
  return { status: 204 };
}

function render(rule: Rule): Record<string, XmlValue> {
  const { abortDays, enabled, expirationDate, expirationDays, id, noncurrentDays, prefix, removeMarkers } =
    rule;
  const expires = [expirationDate, expirationDays, removeMarkers].some((value) => value !== undefined);
  return {
    ID: id,
    Filter: { Prefix: prefix },
    Status: enabled ? "Enabled" : "Disabled",
    Expiration: expires
      ? {
          Days: expirationDays,
          Date: expirationDate === undefined ? undefined : isoTime(expirationDate),
          ExpiredObjectDeleteMarker: removeMarkers,
        }
      : undefined,
    NoncurrentVersionExpiration:
      noncurrentDays === undefined ? undefined : { NoncurrentDays: noncurrentDays },
    AbortIncompleteMultipartUpload: abortDays === undefined ? undefined : { DaysAfterInitiation: abortDays },
  };
}

/** Whatever a rule may say that is not done here is refused: a rule that is half done is worse than none. */
function parse(xml: Record<string, unknown>): Rule {
  for (const name of ["Transition", "NoncurrentVersionTransition"])
    if (xml[name] !== undefined) throw notImplemented("other storage classes (Transition)");
  onlyKnown(xml, [
    "ID",
    "Prefix",
    "Filter",
    "Status",
    "Expiration",
    "NoncurrentVersionExpiration",
    "AbortIncompleteMultipartUpload",
  ]);
  const status = text(xml.Status)?.trim();
  if (status !== "Enabled" && status !== "Disabled") throw malformed();
  const noncurrent = part(xml.NoncurrentVersionExpiration, ["NoncurrentDays"]);
  const abort = part(xml.AbortIncompleteMultipartUpload, ["DaysAfterInitiation"]);
  const rule: Rule = {
    id: text(xml.ID) || randomUUID(),
    enabled: status === "Enabled",
    prefix: prefixOf(xml),
    ...expiration(part(xml.Expiration, ["Days", "Date", "ExpiredObjectDeleteMarker"])),
    ...(noncurrent === undefined ? {} : { noncurrentDays: days(noncurrent.NoncurrentDays) }),
    ...(abort === undefined ? {} : { abortDays: days(abort.DaysAfterInitiation) }),
  };
  // Id, status and prefix alone ask for nothing.
  if (Object.keys(rule).length === 3) {
    throw new S3Error("InvalidRequest", "At least one action needs to be specified in a rule.");
  }
  return rule;
}

function prefixOf(xml: Record<string, unknown>): string {
  if (xml.Filter === undefined) {
    if (xml.Prefix === undefined) throw malformed();
    return text(xml.Prefix)!;
  }
  if (typeof xml.Filter === "string" && xml.Filter.trim() === "") return "";
  const [filter] = elements(xml.Filter);
  if (filter!.And !== undefined || filter!.Tag !== undefined)
    throw notImplemented("lifecycle rules by tags (Filter)");
  for (const name of ["ObjectSizeGreaterThan", "ObjectSizeLessThan"])
    if (filter![name] !== undefined) throw notImplemented("lifecycle rules by size (Filter)");
  onlyKnown(filter!, ["Prefix"]);
  return text(filter!.Prefix) ?? "";
}

function expiration(xml: Record<string, unknown> | undefined): Partial<Rule> {
  if (xml === undefined) return {};
  const { Days, Date: date, ExpiredObjectDeleteMarker: markers } = xml;
  const given = [Days, date, markers].filter((value) => value !== undefined);
  if (given.length !== 1) throw malformed();
  if (Days !== undefined) return { expirationDays: days(Days) };
  if (markers !== undefined) return text(markers)?.trim() === "true" ? { removeMarkers: true } : {};
  const time = Date.parse(text(date)!.trim());
  if (Number.isNaN(time)) throw malformed();
  if (time % day !== 0) throw new S3Error("InvalidArgument", "'Date' must be at midnight GMT");
  return { expirationDate: time };
}

/** A whole number of days, 1 at least. */
function days(value: unknown): number {
  const given = text(value)?.trim() ?? "";
  if (/^[1-9]\d{0,8}$/.test(given)) return Number(given);
  throw new S3Error("InvalidArgument", "Lifecycle days must be a positive integer", { ArgumentValue: given });
}

/** An element that is there once at most and has no other children than these. */
function part(value: unknown, names: string[]): Record<string, unknown> | undefined {
  const [found, second] = elements(value);
  if (second !== undefined) throw malformed();
  if (found !== undefined) onlyKnown(found, names);
  return found;
}

function onlyKnown(xml: Record<string, unknown>, names: string[]): void {
  for (const name of Object.keys(xml)) {
    if (name.startsWith("#")) continue;
    if (name === "NewerNoncurrentVersions")
      throw notImplemented("a number of versions to keep (NewerNoncurrentVersions)");
    if (!names.includes(name)) throw malformed();
  }
}
