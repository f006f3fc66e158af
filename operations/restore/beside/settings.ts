import { type Document, isMap, type Node, type Pair, parseDocument, Scalar, visit } from "yaml";
import type { OriginSetting } from "../../../infra/config/origin.ts";

const KEY = "phasewise:origin";

/**
 * The file of a stack that begins with another one's data: that one's settings, but for what only one stack can have
 * (its buckets, its name in the DNS, what is encrypted for it, whom it alerts).
 * @param source The other stack's file, and the name of its bucket.
 */
export function besideSettings(
  source: { text: string; bucket: string },
  origin: OriginSetting,
  stack: string,
) {
  const document = parseDocument(source.text);
  removeEncrypted(document);
  for (const key of ["encryptionsalt", "encryptedkey", "secretsprovider"]) document.delete(key);
  const dropped = [
    ["phasewise:endpoint", "domain"],
    ["phasewise:backup", "secondRepository"],
    ["phasewise:alerts"],
  ];
  for (const path of dropped) if (document.hasIn(["config", ...path])) document.deleteIn(["config", ...path]);
  const storage = ["config", "phasewise:objectStorage", "bucket"];
  if (document.hasIn(storage)) document.setIn(storage, bucketBeside(source.bucket, stack));
  document.setIn(["config", KEY], nodeOf(document, origin));
  document.commentBefore = ` The settings of stacks/Pulumi.${origin.stack}.yaml when this stack was made from its backups.`;
  const first = (document.contents as { items?: Pair<Node>[] } | null)?.items?.[0]?.key;
  if (first) first.commentBefore = null;
  return document.toString({ lineWidth: 0 });
}

/** @param text The file of a stack that was written by hand. */
export function withOrigin(text: string, origin: OriginSetting): string {
  const document = parseDocument(text);
  document.setIn(["config", KEY], nodeOf(document, origin));
  return document.toString({ lineWidth: 0 });
}

/** @param text The file of a stack whose data is there. */
export function withoutOrigin(text: string): string {
  const document = parseDocument(text);
  document.deleteIn(["config", KEY]);
  return document.toString({ lineWidth: 0 });
}

/** Pulumi reads a time without quotation marks as a time, and writes it in another form. */
function nodeOf(document: Document, { to, ...rest }: OriginSetting) {
  const quoted = new Scalar(to);
  quoted.type = Scalar.QUOTE_DOUBLE;
  return document.createNode({ ...rest, to: quoted });
}

/** 63 letters are the most that a bucket's name has. */
function bucketBeside(bucket: string, stack: string): string {
  return `${bucket.slice(0, 62 - stack.length)}-${stack}`;
}

function removeEncrypted(document: Document): void {
  visit(document, {
    Pair: (_, { value }) =>
      isMap(value) && value.items.length === 1 && value.has("secure") ? visit.REMOVE : undefined,
  });
}
