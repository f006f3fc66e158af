import { lines } from "./build.ts";
import { BACKUP_SPOOL, LIBEXEC, postgresBin } from "./paths.ts";

/**
 * PostgreSQL's archive_command, with the path of a file of the log behind it. pgBackRest makes no backup where its own
 * name is not in there.
 */
export const ARCHIVE_PUSH = `${LIBEXEC}/pgbackrest-archive-push`;
/** While this file is there, the log waits for a moment: a planned move holds clients, whose the processors are. */
export const ARCHIVE_LATER = "/run/phasewise/archive-later";
/** However that ends, the log goes on after so long (seconds). */
const LATER_AT_MOST = 10;
/** Where pgBackRest has its locks. */
export const LOCKS = "/run/pgbackrest";

export interface ArchivePushSettings {
  stanza: string;
  postgresVersion: number;
  /** As many segments may wait (of 16 MB each). */
  mostSegments: number;
  /** Whether there are two repositories, with a configuration each: see `archiveOf`. */
  several: boolean;
}

/** Where the log of one of several repositories is sent from: what waits for it, what it lost, its locks. */
export function archiveOf(repository: 1 | 2) {
  const part = repository === 1 ? "" : `/${repository}`;
  return {
    configuration: `/etc/pgbackrest/archive-${repository}.conf`,
    spool: `${BACKUP_SPOOL}${part}`,
    locks: `${LOCKS}${part}`,
  };
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
 *
 * A standby whose primary died keeps the last segment of that timeline unfinished, and sends it after its own promotion;
 * what died has sent the whole one when it came back. pgBackRest refuses the second (ArchiveDuplicateError, 45), for
 * ever, and no log would be archived any more. The server's own timeline holds all of it that counts: it is left out.
 *
 * Of two repositories each gets it by itself, whatever became of the other, and PostgreSQL keeps what one of them
 * lacks. Past the bound log is given up for the one that fails alone; the other one then takes what waits.
 */
export function archivePush(settings: ArchivePushSettings): string {
  const { mostSegments, postgresVersion, several } = settings;
  const spools = several ? ([1, 2] as const).map((number) => archiveOf(number).spool) : [BACKUP_SPOOL];
  return lines(
    "#!/bin/sh",
    "# In PostgreSQL's data directory: archive-push pg_wal/<file>. From anywhere else, as Patroni calls it: its whole path.",
    `case $1 in /*/pg_wal/*) cd "\${1%/pg_wal/*}" || exit ;; esac`,
    `tries=${LATER_AT_MOST * 5}`,
    `while [ -e ${ARCHIVE_LATER} ] && [ "$tries" -gt 0 ]; do sleep 0.2; tries=$((tries - 1)); done`,
    `wal=$1 file=\${1##*/} full=`,
    "waiting=$(ls pg_wal/archive_status | grep -c '\\.ready$')",
    "free=$(( $(stat -f -c '%a * %S' .) / 16777216 ))",
    '[ "$waiting" -gt 4 ] && [ "$waiting" -gt "$free" ] && full="the volume has room for $free more segments"',
    `[ "$waiting" -gt ${mostSegments} ] && full="more than ${mostSegments} segments wait"`,
    "give_up() {",
    "  (",
    "    flock 9",
    '    [ -e "$spool/giving-up" ] || : > "$spool/giving-up"',
    "    commit=",
    `    [ -e "$spool/given-up" ] || commit=$(TZ=UTC ${postgresBin(postgresVersion)}/pg_waldump --rmgr=Transaction "$wal" 2>/dev/null |`,
    "      sed -n 's/.*desc: COMMIT \\([-0-9]* [:.0-9]* UTC\\).*/\\1/p' | head -n 1)",
    `    printf '%s %s %s\\n' "$(date +%s)" "$file" "$commit" >> "$spool/given-up"`,
    '    sync "$spool/given-up"',
    '  ) 9> "$spool/given-up.lock" || return 1',
    '  echo "archive-push: $file is given up$whose: $1" >&2',
    "}",
    "# Whether this server has left the timeline of the file.",
    "superseded() {",
    "  newest=$(ls pg_wal | sed -n 's/^\\([0-9A-F]\\{8\\}\\)\\.history$/\\1/p' | tail -n 1)",
    '  [ -n "$newest" ] || return 1',
    '  case $file in "$newest"*) return 1 ;; esac',
    "}",
    "# Whether it is this repository for which so much waits.",
    ...blame(spools),
    "send() {",
    "  spool=$1 whose=$2",
    "  shift 2",
    // Its end is for `backup watch` to say; where nobody watches, it is tried by itself.
    '  if [ -n "$(find "$spool/giving-up" -mmin -10 2>/dev/null)" ]; then',
    '    give_up "the storage does not answer"',
    "    return",
    "  fi",
    '  rm -f "$spool/giving-up"',
    '  if [ -n "$full" ] && blamed; then',
    '    give_up "$full"',
    "    return",
    "  fi",
    '  told=$(pgbackrest "$@" archive-push "$wal" 2>&1)',
    "  status=$?",
    '  [ -z "$told" ] || printf \'%s\\n\' "$told" >&2',
    "  case $told in *\"dropped WAL file '$file'\"*)",
    '    give_up "pgBackRest dropped it"',
    "    return ;;",
    "  esac",
    '  if [ "$status" -eq 45 ] && superseded; then',
    '    echo "archive-push: $file$whose: the archive keeps what the primary of its timeline wrote" >&2',
    "    status=0",
    "  fi",
    ...(several
      ? [`  if [ "$status" -eq 0 ]; then rm -f "$spool/failing"; else : > "$spool/failing"; fi`]
      : []),
    '  return "$status"',
    "}",
    ...sends(settings),
  );
}

/** With 4 segments' room left nobody is spared: a database whose volume is full stops. */
function blame(spools: string[]): string[] {
  if (spools.length === 1) return ["blamed() { true; }"];
  const others = spools.flatMap((spool) => [`-e ${spool}/failing`, `-e ${spool}/giving-up`]);
  return [
    "blamed() {",
    `  [ "$free" -lt 4 ] || [ -e "$spool/failing" ] || { [ ! ${others.join(" ] && [ ! ")} ]; }`,
    "}",
  ];
}

function sends({ several, stanza }: ArchivePushSettings): string[] {
  if (!several) return [`send ${BACKUP_SPOOL} "" --stanza=${stanza}`];
  const each = ([1, 2] as const).map((number) => {
    const { configuration, spool } = archiveOf(number);
    return { spool, number, options: `--config=${configuration} --stanza=${stanza}` };
  });
  return [
    "failed=0",
    ...each.map(
      ({ number, options, spool }) => `send ${spool} " for repository ${number}" ${options} || failed=$?`,
    ),
    '[ "$failed" -eq 0 ] && exit 0',
    "# PostgreSQL comes with this file again and with no later one: whose repository works gets those now.",
    "last=$(ls pg_wal/archive_status | sed -n 's/^\\([0-9A-F]\\{24\\}\\)\\.ready$/\\1/p' | tail -n 1)",
    '[ -n "$last" ] && [ "$last" != "$file" ] || exit "$failed"',
    "rest() {",
    "  spool=$1",
    "  shift",
    '  [ -e "$spool/failing" ] || [ -e "$spool/giving-up" ] || pgbackrest "$@" archive-push "pg_wal/$last" || : > "$spool/failing"',
    "}",
    ...each.map(({ options, spool }) => `rest ${spool} ${options}`),
    'exit "$failed"',
  ];
}
