import { Problem } from "../../toolchain/problem.ts";

/** Up to where a database is restored. */
export type Target =
  /** All that is in the archive. */
  | { type: "latest" }
  /** All that was committed until then. */
  | { type: "time"; time: Date }
  /** A place in the write-ahead log. */
  | { type: "lsn"; lsn: string }
  /** A restore point. */
  | { type: "name"; name: string };

const LSN = /^[0-9A-F]{1,8}\/[0-9A-F]{1,8}$/i;
const TIME = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?)(Z|[+-]\d\d:?\d\d)?$/;
/** What a restore point may be called: it stands in a file's name, too, and is not taken for a time. */
const NAME = /^(?!\d{4}-\d\d-\d\d)[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/** @throws Problem (exit 2) that says what there is. */
export function parseTarget(text: string): Target {
  if (text === "latest") return { type: "latest" };
  if (LSN.test(text)) return { type: "lsn", lsn: text.toUpperCase() };
  const time = TIME.exec(text);
  if (time !== null) {
    const [, date, clock, zone = "Z"] = time;
    const parsed = new Date(`${date}T${clock}${zone.replace(/^([+-]\d\d)(\d\d)$/, "$1:$2")}`);
    if (!Number.isNaN(parsed.getTime())) return { type: "time", time: parsed };
  } else if (NAME.test(text)) return { type: "name", name: text };
  throw new Problem({
    happened: `"${text}" is no place that a database can be restored to.`,
    left: "Nothing was touched.",
    todo: [
      "Give --to latest, a time (UTC unless it says otherwise) as 2026-11-21T09:30:00Z, a place in the log as",
      "0/3000148, or the name of a restore point (npx phasewise restore-point).",
    ],
    exitCode: 2,
  });
}

/** @throws Problem (exit 2). */
export function requireName(name: string): void {
  if (NAME.test(name) && name !== "latest") return;
  throw new Problem({
    happened: `A restore point cannot be called "${name}".`,
    left: "Nothing was done.",
    todo: ["Use letters, digits, dots, hyphens and underscores, a letter or digit first, 63 at most."],
    exitCode: 2,
  });
}

export function targetText(target: Target): string {
  if (target.type === "latest") return "the end of the archive";
  if (target.type === "time") return target.time.toISOString();
  return target.type === "lsn" ? `the log's place ${target.lsn}` : `the restore point ${target.name}`;
}

/**
 * pgBackRest's options for a target.
 * @param set The backup to begin with; null lets pgBackRest choose.
 * @param timeline The line of history that is followed.
 */
export function restoreOptions(target: Target, set: string | null, timeline = "latest"): string[] {
  const line = timeline === "latest" ? [] : [`--target-timeline=${timeline}`];
  const chosen = [...(set === null ? [] : [`--set=${set}`]), ...line];
  if (target.type === "latest") return chosen;
  return [...chosen, `--type=${target.type}`, `--target=${targetValue(target)}`, "--target-action=promote"];
}

/** PostgreSQL's own settings for a target; none for the end of the archive. */
export function recoverySettings(target: Target): Record<string, string> {
  return target.type === "latest" ? {} : { [`recovery_target_${target.type}`]: targetValue(target) };
}

function targetValue(target: Exclude<Target, { type: "latest" }>): string {
  if (target.type === "time") return target.time.toISOString().replace("T", " ").replace("Z", "+00");
  return target.type === "lsn" ? target.lsn : target.name;
}
