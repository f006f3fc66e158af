import { lines } from "./build.ts";
import { BACKUP_SPOOL, LIBEXEC, postgresBin } from "./paths.ts";

/**
 * PostgreSQL's archive_command, with the path of a file of the log behind it. pgBackRest makes no backup where its own
 * name is not in there.
 */
export const ARCHIVE_PUSH = `${LIBEXEC}/pgbackrest-archive-push`;

export interface ArchivePushSettings {
  stanza: string;
  postgresVersion: number;
  /** As many segments may wait (of 16 MB each). */
  mostSegments: number;
}

/**
 * Sends a file of the log to the archive, and gives log up where too much of it waits: past the bound, or more than
 * there is room left for. All of it from then on, until the storage answers: what follows a gap is worth nothing
 * without a new full backup. `backup watch` sees to that.
 *
 * pgBackRest's own bound (archive-push-queue-max) stands behind it. Alone it would do little good: it is looked at
 * between two tries only, of which one takes minutes where the storage hangs; it knows nothing of the room that is
 * left; and what it dropped stands in no place but the journal. What is given up is written down on the volume, with
 * the first lost commit's time.
 */
export function archivePush({ stanza, postgresVersion, mostSegments }: ArchivePushSettings): string {
  return lines(
    "#!/bin/sh",
    "# In PostgreSQL's data directory: archive-push pg_wal/<file>",
    `wal=$1 file=\${1##*/} spool=${BACKUP_SPOOL}`,
    "give_up() {",
    "  (",
    "    flock 9",
    '    [ -e "$spool/giving-up" ] || : > "$spool/giving-up"',
    "    commit=",
    `    [ -e "$spool/given-up" ] || commit=$(TZ=UTC ${postgresBin(postgresVersion)}/pg_waldump --rmgr=Transaction "$wal" 2>/dev/null |`,
    "      sed -n 's/.*desc: COMMIT \\([-0-9]* [:.0-9]* UTC\\).*/\\1/p' | head -n 1)",
    `    printf '%s %s %s\\n' "$(date +%s)" "$file" "$commit" >> "$spool/given-up"`,
    '    sync "$spool/given-up"',
    '  ) 9> "$spool/given-up.lock" || exit 1',
    '  echo "archive-push: $file is given up: $1" >&2',
    "  exit 0",
    "}",
    // Its end is for `backup watch` to say; where nobody watches, it is tried by itself.
    '[ -n "$(find "$spool/giving-up" -mmin -10 2>/dev/null)" ] && give_up "the storage does not answer"',
    'rm -f "$spool/giving-up"',
    "waiting=$(ls pg_wal/archive_status | grep -c '\\.ready$')",
    `[ "$waiting" -gt ${mostSegments} ] && give_up "more than ${mostSegments} segments wait"`,
    "free=$(( $(stat -f -c '%a * %S' .) / 16777216 ))",
    '[ "$waiting" -gt 4 ] && [ "$waiting" -gt "$free" ] && give_up "the volume has room for $free more segments"',
    `told=$(pgbackrest --stanza=${stanza} archive-push "$wal" 2>&1)`,
    "status=$?",
    '[ -z "$told" ] || printf \'%s\\n\' "$told" >&2',
    `case $told in *"dropped WAL file '$file'"*) give_up "pgBackRest dropped it" ;; esac`,
    "exit $status",
  );
}
