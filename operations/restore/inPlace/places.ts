import { posix } from "node:path";
import { DATA, postgresBin, postgresData } from "../../../roles/paths.ts";

/** Where a restore in place keeps things on a machine, all on the data volume: they survive a reboot. */
export interface Places {
  data: string;
  bin: string;
  /** The old data, while it is kept. */
  old: string;
  /** What this restore knows of itself: the settings it replays with, its log, how far it came. */
  work: string;
}

/** The unit that fetches a backup, and the one that replays its log; both go on where a connection ends. */
export const FILES_UNIT = "phasewise-restore-files.service";
export const REPLAY_UNIT = "phasewise-restore-replay.service";

/** @param id Of the restore; its letters may stand in a file's name. */
export function placesOf(version: number, id: string): Places {
  const data = postgresData(version);
  return {
    data,
    bin: postgresBin(version),
    old: `${posix.dirname(data)}/${OLD}${id}`,
    work: `${DATA}/postgresql/restore-${id}`,
  };
}

const OLD = "main.old-";

/** A shell command that lists old data as `id<TAB>bytes<TAB>what was written of it`, the oldest first. */
export function listOldCommand(version: number): string {
  const folder = posix.dirname(postgresData(version));
  return [
    `for d in ${folder}/${OLD}*/; do [ -d "$d" ] || continue; d=\${d%/}`,
    `id=\${d##*/${OLD}}; case $id in *.part) continue ;; esac`,
    `printf '%s\\t%s\\t%s\\n' "$id" "$(du -sb "$d" | cut -f1)" "$(tr -d '\\n' < "$d.json" 2>/dev/null)"; done`,
  ].join("; ");
}

/** A shell command that removes old data, and what half-made copies left. @param id Null: all of it. */
export function forgetOldCommand(version: number, id: string | null): string {
  const folder = posix.dirname(postgresData(version));
  const which = id === null ? "*" : id;
  return `rm -rf --one-file-system ${folder}/${OLD}${which} ${folder}/${OLD}${which}.json ${folder}/${OLD}${which}.part`;
}
