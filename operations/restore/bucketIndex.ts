import { createDecipheriv, createHash } from "node:crypto";
import { z } from "zod";
import { Documents } from "../../clients/s3/documents.ts";
import type { Topology } from "../../infra/topology.ts";
import { messageOf } from "../../toolchain/problem.ts";
import { type Backup, finishedBackups, type Repository, unreadable } from "./repository.ts";

/** A backup as pgBackRest 2.55 notes it in its index (`infoBackup.c`); what is not read here is left out. */
const noted = z.object({
  "backup-archive-start": z.string().nullish(),
  "backup-error": z.boolean().nullish(),
  "backup-info-size": z.number(),
  "backup-lsn-stop": z.string(),
  "backup-timestamp-stop": z.number(),
});

/**
 * What a repository holds of a cluster, read from the bucket itself: no machine of the stack need be there.
 * @param cipher The key of its backups.
 * @throws S3Problem where the bucket does not answer, Problem (exit 2) where its index and the copy of that cannot be
 * read: with another key than they were written with, most of all.
 */
export async function readBucket(
  bucket: Topology["buckets"][number],
  stanza: string,
  cipher: string,
): Promise<Repository> {
  using store = new Documents(bucket, bucket.name);
  const path = `postgresql/backup/${stanza}/backup.info`;
  const faults: string[] = [];
  // pgBackRest writes it twice, for a run that is killed while it writes one of them.
  for (const key of [path, `${path}.copy`]) {
    const bytes = await store.getBytes(key);
    if (bytes === null) continue;
    try {
      return { backups: parseIndex(decrypted(bytes, cipher)) };
    } catch (error) {
      faults.push(`${key}: ${messageOf(error)}`);
    }
  }
  if (faults.length === 0) return { backups: [] };
  throw unreadable(faults.join("; "));
}

/** The whole backups of an index, the oldest first. @throws Error where it is damaged, or no index. */
export function parseIndex(text: string): Backup[] {
  const sections = sectionsOf(text);
  if (checksumOf(sections) !== sections.get("backrest")?.get(CHECKSUM))
    throw new Error("it is not as pgBackRest wrote it");
  return finishedBackups(
    [...(sections.get("backup:current") ?? [])].map(([label, value]) => {
      const backup = noted.parse(JSON.parse(value));
      return {
        label,
        error: backup["backup-error"] ?? false,
        timestamp: { stop: backup["backup-timestamp-stop"] },
        lsn: { stop: backup["backup-lsn-stop"] },
        archive: { start: backup["backup-archive-start"] ?? null },
        info: { size: backup["backup-info-size"] },
      };
    }),
  );
}

const CHECKSUM = "backrest-checksum";

/** Values are JSON, by their keys, by their sections. */
type Sections = Map<string, Map<string, string>>;

function sectionsOf(text: string): Sections {
  const sections: Sections = new Map();
  let current = new Map<string, string>();
  for (const line of text.split("\n")) {
    const section = /^\[(.+)\]$/.exec(line)?.[1];
    const equals = line.indexOf("=");
    if (section !== undefined) {
      // The sum comes last, in a second part of its section.
      current = sections.get(section) ?? new Map<string, string>();
      sections.set(section, current);
    } else if (equals > 0) current.set(line.slice(0, equals), line.slice(equals + 1));
  }
  return sections;
}

/** pgBackRest's own sum (`info.c`): SHA-1 of everything as one JSON object, but for the sum itself; as JSON. */
function checksumOf(sections: Sections): string {
  const body = [...sections].map(([name, values]) => {
    const entries = [...values]
      .filter(([key]) => key !== CHECKSUM)
      .map(([key, value]) => `"${key}":${value}`);
    return `"${name}":{${entries.join(",")}}`;
  });
  return JSON.stringify(
    createHash("sha1")
      .update(`{${body.join(",")}}`)
      .digest("hex"),
  );
}

/**
 * Decrypts a file as pgBackRest writes it with `repo-cipher-type=aes-256-cbc` (`cipherBlock.c`), which is what
 * `openssl enc -aes-256-cbc -md sha1` writes: "Salted__", eight bytes of salt, and the rest.
 */
export function decrypted(bytes: Uint8Array, cipher: string): string {
  const data = Buffer.from(bytes);
  if (data.subarray(0, 8).toString("latin1") !== "Salted__")
    throw new Error("it is not encrypted as pgBackRest does");
  const salt = data.subarray(8, 16);
  let digest = Buffer.alloc(0);
  let derived = Buffer.alloc(0);
  while (derived.length < 48) {
    digest = createHash("sha1").update(digest).update(cipher).update(salt).digest();
    derived = Buffer.concat([derived, digest]);
  }
  const decipher = createDecipheriv("aes-256-cbc", derived.subarray(0, 32), derived.subarray(32, 48));
  return Buffer.concat([decipher.update(data.subarray(16)), decipher.final()]).toString("utf8");
}
