/** What `pgbackrest info --output=json` says of one stanza, as far as it is read here. */
export interface StanzaInfo {
  name: string;
  status?: { code?: number; message: string; lock?: { backup?: { held?: boolean } } };
  /** Each repository by itself: what keeps one from being read is told only here. */
  repo?: { status: { code: number; message: string } }[];
  backup: {
    label: string;
    type: "full" | "diff" | "incr";
    error?: boolean | null;
    /** Seconds since 1970. */
    timestamp: { start: number; stop: number };
    lsn: { start: string; stop: string };
    archive?: { start: string | null };
    /** In bytes. With block increments pgBackRest gives only what a backup added (`delta`). */
    info: { size: number; repository: { size?: number; delta: number } };
  }[];
}

/** pgBackRest's code for whatever keeps it from reading a repository ("other"). */
const UNREADABLE = 99;

/**
 * Reads `pgbackrest info --output=json`; undefined where that does not know the stanza.
 * @throws SyntaxError where the text is no such JSON.
 */
export function stanzaInfo(json: string, stanza: string): StanzaInfo | undefined {
  // Its messages of errors have line ends in them, which JSON does not allow in a string.
  const stanzas = JSON.parse(json.replaceAll(/\p{Cc}+/gu, " ")) as StanzaInfo[];
  return stanzas.find(({ name }) => name === stanza);
}

/** Why a repository of the stanza cannot be read, with another key than it was written with, most of all; else null. */
export function unreadableBecause({ repo }: Pick<StanzaInfo, "repo">): string | null {
  const told = repo?.find(({ status }) => status.code === UNREADABLE)?.status.message;
  // What it says of a request that failed goes on with all of its headers.
  return told === undefined ? null : told.replace(/:?\s*\*\*\* .*/s, "").trim();
}

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

/**
 * The newest backup in `pgbackrest info --output=json`. Throws where the text is no such JSON or does not know the
 * stanza.
 */
export function newestBackup(json: string, stanza: string): BackupState {
  const info = knownStanza(json, stanza);
  const newest = info.backup
    .filter((backup) => !backup.error)
    .reduce<StanzaInfo["backup"][number] | null>(
      (best, backup) => (best && best.timestamp.stop >= backup.timestamp.stop ? best : backup),
      null,
    );
  return {
    label: newest?.label ?? null,
    type: newest?.type ?? null,
    finishedAt: newest ? new Date(newest.timestamp.stop * 1000) : null,
    bytes: newest?.info.size ?? null,
    status: unreadableBecause(info) ?? info.status?.message ?? "ok",
    running: info.status?.lock?.backup?.held ?? false,
  };
}

/** Like `stanzaInfo`. @throws Error also where the stanza is not known. */
export function knownStanza(json: string, stanza: string): StanzaInfo {
  const info = stanzaInfo(json, stanza);
  if (!info) throw new Error(`pgBackRest knows no stanza "${stanza}"`);
  return info;
}
