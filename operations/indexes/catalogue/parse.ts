import { LineCounter, parseDocument } from "yaml";
import type { z } from "zod";
import { describe, didYouMean } from "../../../infra/config/fault.ts";
import type { Catalogue } from "./entries.ts";
import { expand } from "./expand.ts";
import { type CatalogueFault, pathText } from "./fault.ts";
import { locator } from "./locate.ts";
import { entryRules, type Named, oncePerFile, type Report } from "./rules.ts";
import { headSchema, type IndexKind, indexKinds, partitionSchema, viewSchema } from "./schema.ts";

export interface ParsedCatalogue {
  /** Null where there are faults. */
  catalogue: Catalogue | null;
  faults: CatalogueFault[];
}

type Path = readonly PropertyKey[];

/**
 * Reads a catalogue's text and reports every fault at once, with its line.
 * @param name As results name it.
 * @param file For people.
 */
export function parseCatalogue(name: string, file: string, text: string): ParsedCatalogue {
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter, uniqueKeys: true });
  if (document.errors.length > 0) {
    const faults = document.errors.map((error) => ({
      file,
      line: counter.linePos(error.pos[0]).line,
      path: "YAML",
      found: error.message.split("\n")[0]!.replace(/ at line \d+, column \d+:?$/, ""),
      allowed: "well-formed YAML",
    }));
    return { catalogue: null, faults };
  }
  const faults: CatalogueFault[] = [];
  const { lineOf } = locator(document, counter);
  const report: Report = (path, found, allowed) =>
    void faults.push({ file, line: lineOf(path), path: pathText(path) || "the file", found, allowed });
  const content: unknown = document.toJS();
  const catalogue = readCatalogue(name, file, content, report, lineOf);
  faults.sort((a, b) => a.line - b.line);
  return { catalogue: faults.length > 0 ? null : catalogue, faults };
}

function readCatalogue(
  name: string,
  file: string,
  content: unknown,
  report: Report,
  lineOf: (path: Path) => number,
): Catalogue | null {
  const head = judge(headSchema, content, [], report);
  // With a fault in the head, its lists are judged all the same: each run names everything.
  const lists = (isMap(content) ? content : {}) as Record<string, unknown>;
  const list = (key: string) => (Array.isArray(lists[key]) ? (lists[key] as unknown[]) : []);
  const origin = (path: Path) => ({ catalogue: name, line: lineOf(path) });
  const named: Named[] = [];
  const indexes = list("indexes").flatMap((entry, at) => {
    const path = ["indexes", at];
    const index = readIndex(entry, path, report);
    if (!index) return [];
    named.push({ what: `the index ${index.table.schema}.${index.name}`, path, line: lineOf(path) });
    return { ...index, ...origin(path) };
  });
  const views = list("materializedViews").flatMap((entry, at) => {
    const path = ["materializedViews", at];
    const view = judge(viewSchema, entry, path, report);
    if (!view) return [];
    const { name: table, refresh, source, query, unique, why } = view;
    const { schema, name } = table;
    named.push({ what: `the view ${schema}.${name}`, path, line: lineOf(path) });
    return {
      type: "view" as const,
      ...{ schema, name, unique: unique.map((one) => one.toLowerCase()), why },
      ...{ query: query.trim().replace(/;$/, ""), refreshMinutes: refresh, source: source ?? null },
      ...origin(path),
    };
  });
  const partitions = list("partitions").flatMap((entry, at) => {
    const path = ["partitions", at];
    const rule = judge(partitionSchema, entry, path, report);
    if (!rule) return [];
    named.push({ what: `the table ${rule.table.schema}.${rule.table.name}`, path, line: lineOf(path) });
    return { type: "partitions" as const, ...rule, source: rule.source ?? null, ...origin(path) };
  });
  oncePerFile(named, report);
  const { description, extensions } = head ?? { description: "", extensions: [] };
  return head && { name, file, description, extensions, indexes, views, partitions };
}

function readIndex(entry: unknown, path: Path, report: Report) {
  const kind = isMap(entry) ? (entry.kind ?? "btree") : "btree";
  const kinds = Object.keys(indexKinds);
  if (typeof kind !== "string" || !Object.hasOwn(indexKinds, kind)) {
    const near = typeof kind === "string" ? didYouMean(kind, kinds) : undefined;
    const allowed = kinds.join(", ");
    report([...path, "kind"], describe(kind), near ? `${allowed} (did you mean ${near}?)` : allowed);
    return null;
  }
  const parsed = judge(indexKinds[kind as IndexKind], entry, path, report);
  return parsed && entryRules(parsed, path, report) ? expand(parsed) : null;
}

/** What the schema makes of a value; null, and every fault reported, where it refuses it. */
function judge<T extends z.ZodType>(
  schema: T,
  value: unknown,
  path: Path,
  report: Report,
): z.output<T> | null {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  for (const issue of result.error.issues) {
    if (issue.code === "unrecognized_keys") {
      const known = Object.keys((schema as unknown as z.ZodObject).shape ?? {});
      for (const key of issue.keys)
        unknownKey(key, [...path, ...issue.path], issue.path.length ? keyMapKeys : known);
    } else report([...path, ...issue.path], describe(valueAt(value, issue.path)), issue.message);
  }
  return null;

  function unknownKey(key: string, at: Path, known: string[]): void {
    const near = didYouMean(key, known);
    const listed = known.join(", ");
    report([...at, key], "an unknown key", near ? `${listed} (did you mean ${near}?)` : listed);
  }
}

const keyMapKeys = ["column", "expression", "order", "nulls", "operatorClass"];

function valueAt(root: unknown, path: Path): unknown {
  return path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key], root);
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
