import { Problem } from "../../../toolchain/problem.ts";

/** One thing that is wrong in a catalogue. */
export interface CatalogueFault {
  file: string;
  /** From 1. */
  line: number;
  /** Where in the file, as `indexes[3].columns[0]`. */
  path: string;
  found: string;
  allowed: string;
}

/** Every fault of every file, in the files' order. Nothing was touched then. */
export function catalogueProblem(faults: CatalogueFault[]): Problem {
  const files = new Set(faults.map((fault) => fault.file)).size;
  const count = faults.length === 1 ? "1 fault" : `${faults.length} faults`;
  return new Problem({
    happened: `There ${faults.length === 1 ? "is" : "are"} ${count} in ${files === 1 ? "a catalogue" : `${files} catalogues`}:`,
    details: faults.map(faultText),
    left: "Nothing was changed.",
    todo: ["Correct them and run this again; docs/indexes.md says what a catalogue may hold."],
    exitCode: 2,
  });
}

export function faultText({ file, line, path, found, allowed }: CatalogueFault): string {
  return `${file}:${line}  ${path}: found ${found}; allowed: ${allowed}`;
}

export function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, part) =>
      typeof part === "number" ? `${text}[${part}]` : text ? `${text}.${String(part)}` : String(part),
    "",
  );
}
