import type { Settings } from "../../examples/generate/example.ts";

/** What a loaded table says of itself in its comment: it was loaded whole, and from these settings. */
export interface Marker extends Settings {
  example: string;
  version: number;
  rows: number;
}

const prefix = "Example data of Phasewise ";

/** The comment is set in the transaction that loads the table: where it stands, every row is there. */
export function markerText(marker: Marker): string {
  const { example, version, seed, size, until, dimension, rows } = marker;
  return prefix + JSON.stringify({ example, version, seed, size, until, dimension, rows });
}

/** Undefined where the comment is not one of ours. */
export function parseMarker(comment: string | null): Marker | undefined {
  if (!comment?.startsWith(prefix)) return undefined;
  try {
    return JSON.parse(comment.slice(prefix.length)) as Marker;
  } catch {
    // Somebody changed it: the table is theirs now.
    return undefined;
  }
}

/** Whether a table was made from these settings, to the last byte. */
export function sameData(marker: Marker, wanted: Omit<Marker, "rows">): boolean {
  const keys = ["example", "version", "seed", "size", "until", "dimension"] as const;
  return keys.every((key) => marker[key] === wanted[key]);
}

/** The settings as they are given on the command line. */
export function settingsText({ seed, size, until, dimension }: Settings): string {
  return `--size ${size} --seed ${seed} --until ${until} --dimension ${dimension}`;
}
