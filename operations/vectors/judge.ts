import { distances, operatorClassOf } from "./operators.ts";
import { ivfflatLists } from "./parameters.ts";
import type { VectorIndexFacts, VectorReport } from "./report.ts";

/** Above this a search is too slow for pgvector: the requirements move to another engine then (milliseconds). */
const tooSlow = 200;
/** Below this an answer misses what a reader would notice. */
const goodRecall = 0.95;
/** pgvector is advised up to about a million vectors. */
const manyRows = 1_000_000;

type Facts = Omit<VectorReport, "warnings">;

/** The least measured value of the setting that gives at least `recall`. */
export function reaching(settings: VectorReport["settings"], recall: number): number | null {
  return settings.find((one) => one.recall >= recall)?.value ?? null;
}

/** What is wrong or will be, each with what to do about it. */
export function warningsOf(report: Facts): string[] {
  const index = report.indexes.find(({ name }) => name === report.index);
  return [
    ...mismatches(report),
    ...(index ? ofIndex(report, index) : []),
    ...ofToday(report),
    ...slowness(report),
    ...(report.rows > manyRows
      ? [`${report.rows.toLocaleString("en")} vectors: from about a million on, evaluate a vector database`]
      : []),
  ];
}

function mismatches({ indexes, index, operator, type }: Facts): string[] {
  const broken = indexes
    .filter(({ valid }) => !valid)
    .map(({ name }) => `the index ${name} is invalid: its build was interrupted; \`indexes\` repairs it`);
  const partial = indexes
    .filter(({ where }) => where !== null)
    .map(({ name, where }) => `the index ${name} holds only rows where ${where}; it was not measured`);
  if (index !== null) return [...broken, ...partial];
  const wanted = operatorClassOf(operator, type);
  const others = indexes
    .filter((one) => one.valid && one.operator !== operator)
    .map(
      (one) =>
        `the index ${one.name} (${one.operatorClass}) serves ${one.operator}, ${distances[one.operator].title}; ` +
        `searches by ${operator} read the whole table. Build one with ${wanted}, or search by ${one.operator}`,
    );
  const none = `no index serves ${operator}: every search reads the whole table. Build one with ${wanted}`;
  return [...broken, ...partial, ...(others.length > 0 ? others : [none])];
}

function ofIndex({ rows, settings, reaches, filter }: Facts, index: VectorIndexFacts): string[] {
  const found: string[] = [];
  if (index.method === "ivfflat") {
    const computed = ivfflatLists({ rows });
    // pgvector's default is 100 lists.
    const lists = index.options.lists ?? 100;
    if (lists > 2 * computed || lists < computed / 2) {
      found.push(
        `${index.name} has ${lists} lists, ${rows.toLocaleString("en")} rows want ${computed}: build it anew`,
      );
    }
  }
  if (settings.length > 0 && reaches["0.95"] === null) {
    const best = settings.reduce((a, b) => (b.recall > a.recall ? b : a));
    found.push(
      `no measured value of ${best.name} reaches 95 %: ${best.value} gives ${percent(best.recall)}. ${more(index, filter)}`,
    );
  }
  return found;
}

function more({ method }: VectorIndexFacts, filter: string | null): string {
  // The index gives its nearest rows first and the condition takes most of them away (pgvector README, "Filtering").
  if (filter !== null)
    return `Rows of other values of ${filter} are in the way: SET ${method}.iterative_scan = ${method === "hnsw" ? "strict_order" : "relaxed_order"}, or index ${filter}`;
  if (method === "hnsw") return "Build it with a higher ef_construction or m";
  return "Build it anew from today's rows, or use hnsw";
}

function ofToday({ today, settings, reaches }: Facts): string[] {
  const value = reaches["0.95"];
  if (settings.length === 0 || today.recall >= goodRecall || value === null) return [];
  return [
    `clients that set nothing get ${percent(today.recall)} of the right rows: set ${settings[0]!.name} = ${value} ` +
      "(ALTER ROLE ... SET, or SET LOCAL in the transaction)",
  ];
}

/** Judged by what a client would get with a good answer: the cheapest setting that gives one, or as it is today. */
function slowness({ settings, reaches, today }: Facts): string[] {
  const good = settings.find(({ value }) => value === reaches["0.95"]);
  const p95 = good?.p95 ?? today.p95;
  if (p95 <= tooSlow) return [];
  return [
    `a search with a good answer takes ${Math.round(p95)} ms (p95), more than ${tooSlow} ms: ` +
      "where that persists, leave pgvector for a vector database",
  ];
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
