import type { Catalogue } from "../catalogue/entries.ts";
import { quoteIdentifier } from "../catalogue/keyPart.ts";
import type { Step } from "./steps.ts";

export interface MissingExtension {
  catalogue: string;
  name: string;
  step: Step;
}

/** Extensions that entries need and the database lacks, each once. */
export function missingExtensions(catalogues: Catalogue[], present: string[]): MissingExtension[] {
  const missing = new Map<string, MissingExtension>();
  for (const catalogue of catalogues) {
    for (const name of [...catalogue.extensions, ...implied(catalogue)]) {
      if (present.includes(name) || missing.has(name)) continue;
      const step: Step = {
        title: `make the extension ${name}`,
        sql: [`CREATE EXTENSION IF NOT EXISTS ${quoteIdentifier(name)}`],
        undo: { kind: "extension", name },
        leftover: null,
        lock: "patient",
      };
      missing.set(name, { catalogue: catalogue.name, name, step });
    }
  }
  return [...missing.values()];
}

function implied({ indexes }: Catalogue): string[] {
  const vectors = indexes.some((entry) => entry.type === "vector");
  const trigrams = indexes.some(
    (entry) => entry.type === "columns" && entry.keys.some((key) => key.operatorClass?.endsWith("_trgm_ops")),
  );
  return [...(vectors ? ["vector"] : []), ...(trigrams ? ["pg_trgm"] : [])];
}
