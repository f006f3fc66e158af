/** The newest finished backup of a cluster, and how far the repository can be trusted. */
export interface BackupState {
  /** Label of the newest backup without an error, as "20260101-020000F"; null where there is none. */
  label: string | null;
  type: "full" | "diff" | "incr" | null;
  /** When it was finished. */
  finishedAt: Date | null;
  /** Size of the database in it, in bytes. */
  bytes: number | null;
  /** What pgBackRest says of the repository, "ok" or the reason why not. */
  status: string;
  /** Whether a backup is being made now. */
  running: boolean;
}

interface Info {
  name: string;
  status: { message: string; lock?: { backup?: { held?: boolean } } };
  backup: {
    label: string;
    type: "full" | "diff" | "incr";
    error?: boolean | null;
    timestamp: { stop: number };
    info: { size: number };
  }[];
}

/**
 * Reads `pgbackrest info --output=json`. Throws where the text is no such JSON or does not know the stanza.
 */
export function newestBackup(json: string, stanza: string): BackupState {
  const info = (JSON.parse(json) as Info[]).find((one) => one.name === stanza);
  if (!info) throw new Error(`pgBackRest knows no stanza "${stanza}"`);
  const newest = info.backup
    .filter((backup) => !backup.error)
    .reduce<Info["backup"][number] | null>(
      (best, backup) => (best && best.timestamp.stop >= backup.timestamp.stop ? best : backup),
      null,
    );
  return {
    label: newest?.label ?? null,
    type: newest?.type ?? null,
    finishedAt: newest ? new Date(newest.timestamp.stop * 1000) : null,
    bytes: newest?.info.size ?? null,
    status: info.status.message,
    running: info.status.lock?.backup?.held ?? false,
  };
}
