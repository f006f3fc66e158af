import { createHash } from "node:crypto";
import { Crc32, Crc32c, Crc64Nvme } from "@aws-sdk/checksums/crc";

/** The algorithms that S3 knows, by the end of the header `x-amz-checksum-<name>`. */
const algorithms: Record<string, () => Digest> = {
  crc32: () => crc(new Crc32()),
  crc32c: () => crc(new Crc32c()),
  crc64nvme: () => crc(new Crc64Nvme()),
  sha1: () => hash("sha1"),
  sha256: () => hash("sha256"),
};

const headerPrefix = "x-amz-checksum-";

export interface Digest {
  update(chunk: Uint8Array): void;
  /** In base64. */
  end(): Promise<string>;
}

/** The checksum that a header or trailer of this name announces; undefined for any other header. */
export function checksumOf(header: string): (() => Digest) | undefined {
  if (!header.startsWith(headerPrefix)) return undefined;
  return algorithms[header.slice(headerPrefix.length)];
}

/** Headers that carry the checksum of the body. */
export function checksumHeaders(headers: Record<string, string>): [name: string, value: string][] {
  return Object.entries(headers).filter(([name]) => name.startsWith(headerPrefix) && !notChecksums.has(name));
}

/** They start alike, but say how, not what. */
const notChecksums = new Set(["x-amz-checksum-algorithm", "x-amz-checksum-type", "x-amz-checksum-mode"]);

export function hash(name: "md5" | "sha1" | "sha256"): Digest {
  const digest = createHash(name);
  return { update: (chunk) => void digest.update(chunk), end: async () => digest.digest("base64") };
}

function crc(checksum: { update(data: Uint8Array): void; digest(): Promise<Uint8Array> }): Digest {
  return {
    update: (chunk) => checksum.update(chunk),
    end: async () => Buffer.from(await checksum.digest()).toString("base64"),
  };
}
