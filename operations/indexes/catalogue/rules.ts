import { describe } from "../../../infra/config/fault.ts";
import { distances, indexableOperators, operatorClassOf } from "../../vectors/operators.ts";
import type { ParsedIndex } from "./schema.ts";

/** Reports a fault at a path. */
export type Report = (path: readonly PropertyKey[], found: string, allowed: string) => void;

/** Rules that need more than one key of an index. @returns Whether all are kept. */
export function entryRules(entry: ParsedIndex, path: readonly PropertyKey[], report: Report): boolean {
  if (!("operator" in entry)) return true;
  const { kind, operator, operatorClass } = entry;
  const served = indexableOperators(kind, "vector");
  if (!served.includes(operator)) {
    const allowed = `${kind} serves ${served.join(", ")}; ${distances[operator].title} is served by hnsw`;
    report([...path, "operator"], `"${operator}" with ${kind}`, allowed);
    return false;
  }
  const fitting = (["vector", "halfvec"] as const).map((type) => operatorClassOf(operator, type));
  if (operatorClass === undefined || fitting.includes(operatorClass)) return true;
  report(
    [...path, "operatorClass"],
    `${describe(operatorClass)}, whose index cannot serve the operator ${operator}`,
    `${fitting.join(" or ")}, or leave it out: it follows from the operator`,
  );
  return false;
}

/** An entry by what identifies it in the database. */
export interface Named {
  what: string;
  path: readonly PropertyKey[];
  line: number;
}

/** Each index, view and partitioned table is in a file once. */
export function oncePerFile(entries: Named[], report: Report): void {
  const first = new Map<string, number>();
  for (const { what, path, line } of entries) {
    const before = first.get(what);
    if (before === undefined) first.set(what, line);
    else report(path, `${what} a second time`, `each once (it is on line ${before})`);
  }
}
