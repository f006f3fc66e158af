import { knownStanza } from "../roles/backupInfo.ts";

/** One backup in the repository. */
export interface BackupInfo {
  /** pgBackRest's name of it, as "20260101-020000F". */
  label: string;
  type: "full" | "diff" | "incr";
  /** ISO 8601, UTC. */
  startedAt: string;
  finishedAt: string;
  /** Size of the database, and what the backup takes in the repository, in bytes. */
  databaseBytes: number;
  repositoryBytes: number;
  /** It was made while pages were damaged, or was not finished well. */
  faulty: boolean;
}

/** All backups of a stanza, the oldest first. @param json Of `pgbackrest info --output=json`. */
export function parseBackups(json: string, stanza: string): BackupInfo[] {
  const iso = (second: number) => new Date(second * 1000).toISOString();
  return knownStanza(json, stanza)
    .backup.map((backup) => ({
      label: backup.label,
      type: backup.type,
      startedAt: iso(backup.timestamp.start),
      finishedAt: iso(backup.timestamp.stop),
      databaseBytes: backup.info.size,
      // With block increments pgBackRest gives only what this backup added.
      repositoryBytes: backup.info.repository.delta,
      faulty: backup.error === true,
    }))
    .sort((a, b) => a.finishedAt.localeCompare(b.finishedAt));
}
