import { z } from "zod";
import { expecting } from "./expectation.ts";
import { describe, type Fault } from "./fault.ts";
import { text, timeOfDay, wholeNumber } from "./fields.ts";
import type { Settings } from "./settings.ts";

/** Portable dumps of databases beside the backups. */

export const dumps = z
  .strictObject({
    at: timeOfDay("03:00"),
    databases: expecting(
      z.array(
        text(
          /^[A-Za-z_][A-Za-z0-9_-]{0,62}$/,
          "a database's name: letters, digits, underscores and hyphens, 63 at most",
          "write the name of a database of this stack",
        ),
      ),
      "a list of databases",
      "write a list, as [app]; left out, it is the stack's own database",
    ).optional(),
    keepDays: wholeNumber(1, 3650, "(days)").default(7),
    jobs: wholeNumber(1, 16, "(connections at once)").default(2),
  })
  .optional();

/** A list that names a database twice, or none, is a mistake of whoever wrote it. */
export function databasesOfDumps({ settings: { backup } }: { settings: Partial<Settings> }): Fault[] {
  const names = backup?.dumps?.databases;
  if (names === undefined) return [];
  const twice = names.filter((name, index) => names.indexOf(name) !== index);
  if (names.length > 0 && twice.length === 0) return [];
  return [
    {
      path: "phasewise:backup.dumps.databases",
      found: names.length === 0 ? "an empty list" : `${describe(twice[0])} twice`,
      allowed: "the names of databases, each once",
      fix: "leave it out: then it is the stack's own database; without any, leave out dumps",
    },
  ];
}
