import { Problem } from "../../toolchain/problem.ts";
import { type Marker, sameData, settingsText } from "./marker.ts";
import type { FoundTable } from "./tables.ts";

/**
 * Nothing is begun where it could not be ended, or where a table of somebody else has the name.
 * @param there Those of the example's tables that are there.
 * @param missing Extensions that the database lacks.
 * @throws Problem (exit 2) with all of it.
 */
export function refuse(
  stack: string,
  wanted: Omit<Marker, "rows">,
  there: FoundTable[],
  missing: string[],
): void {
  const foreign = there.filter(({ marker }) => marker?.example !== wanted.example);
  const other = there.filter(({ marker }) => marker?.example === wanted.example && !sameData(marker, wanted));
  const faults = [
    ...missing.map((name) => `the extension ${name} is not in the database`),
    ...foreign.map(({ name }) => `the table ${name} is there, and is not of this example`),
    ...other.map(({ name, marker }) => `the table ${name} is loaded with ${settingsText(marker!)}`),
  ];
  if (faults.length === 0) return;
  throw new Problem({
    happened: `${wanted.example} cannot be loaded into ${stack} with ${settingsText(wanted)}:`,
    details: faults,
    left: "Nothing was changed.",
    todo: [
      ...(missing.length > 0
        ? [`Add ${missing.join(", ")} to phasewise:database.extensions, then npx phasewise up ${stack}`]
        : []),
      ...(foreign.length > 0 ? ["Load it into a stack whose database does not use these names."] : []),
      ...(other.length > 0
        ? [`Give the same settings, or drop it first: npx phasewise example drop ${stack} ${wanted.example}`]
        : []),
    ],
    exitCode: 2,
  });
}
