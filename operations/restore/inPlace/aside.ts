import type { Place } from "./replay.ts";

/** Shell that notes the timeline of the data in use, once: where it cannot be told any more, nothing. */
export function noteTimelineCommand({ places: { bin, data, work } }: Place): string {
  const timeline = `${bin}/pg_controldata -D ${data} 2>/dev/null | sed -n "s/^Latest checkpoint's TimeLineID: *//p"`;
  return `install -d -o postgres -g postgres -m 0700 ${work}; [ -e ${work}/left ] || ${timeline} > ${work}/left`;
}

/**
 * Shell that puts the old data aside. Where the file system shares blocks between copies, the copy costs nothing, and
 * the backup is fetched over the data itself, of which most stays; elsewhere the data makes room. The copy has its
 * name only once it is whole.
 */
export function asideCommand({ places: { data, old } }: Place, note: string): string {
  return [
    "set -e",
    `cat > ${old}.json <<'NOTE'\n${note}\nNOTE`,
    `if [ ! -e ${old} ]; then`,
    `  rm -rf --one-file-system ${old}.part; rm -f ${data}/postmaster.pid`,
    `  if cp -a --reflink=always ${data} ${old}.part 2>/dev/null; then mv ${old}.part ${old}`,
    `  else rm -rf --one-file-system ${old}.part; mv ${data} ${old}; fi`,
    "fi",
    `[ -e ${data} ] || install -d -o postgres -g postgres -m 0700 ${data}`,
    `sync -f ${old}`,
  ].join("\n");
}

/** Shell that changes places with data that an earlier restore kept at `kept`. */
export function swapCommand({ places: { data, old } }: Place, kept: string, note: string): string {
  return [
    "set -e",
    `cat > ${old}.json <<'NOTE'\n${note}\nNOTE`,
    `if [ ! -e ${old} ]; then rm -f ${data}/postmaster.pid; mv ${data} ${old}; fi`,
    `if [ -e ${kept} ]; then rmdir ${data} 2>/dev/null || true; mv ${kept} ${data}; rm -f ${kept}.json; fi`,
    `sync -f ${old}`,
  ].join("\n");
}

/** Prints yes where the old data is aside, and something stands at its place. */
export function isAsideCommand({ places: { data, old } }: Place, kept: string | null): string {
  const swapped = kept === null ? "" : ` && [ ! -e ${kept} ]`;
  return `[ -e ${old} ] && [ -e ${data} ]${swapped} && echo yes || true`;
}

/** Shell that brings the old data back to its place; what was restored goes. */
export function putBackCommand({ places: { data, old } }: Place): string {
  return [
    "set -e",
    `if [ -e ${old} ]; then rm -rf --one-file-system ${data}; mv ${old} ${data}; fi`,
    `rm -rf --one-file-system ${old}.part`,
    `rm -f ${old}.json ${data}/postmaster.pid`,
  ].join("\n");
}

/** The same after a change of places: each goes where it was. */
export function swapBackCommand({ places: { data, old } }: Place, kept: string, note: string): string {
  return [
    "set -e",
    `if [ ! -e ${kept} ] && [ -e ${old} ]; then mv ${data} ${kept}; cat > ${kept}.json <<'NOTE'\n${note}\nNOTE\nfi`,
    `if [ -e ${old} ]; then mv ${old} ${data}; fi`,
    `rm -f ${old}.json ${data}/postmaster.pid`,
  ].join("\n");
}
