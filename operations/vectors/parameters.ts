/** What vector indexes are built and searched with, from the table's real size. Pure. */

/** Bounds of pgvector's options: ivfflat.h (IVFFLAT_MAX_LISTS) and hnsw.h of version 0.8.0. */
const bounds = { lists: 32_768, efSearch: 1000 } as const;

/** Up to this many rows pgvector's README counts lists by rows / 1000, above by the square root. */
const manyRows = 1_000_000;

/**
 * Lists of an IVFFlat index: rows / 1000 up to a million rows, the square root of the rows above (pgvector README,
 * "IVFFlat"). Not fewer than 10 where there are enough rows for it: with a handful of lists a probe reads a large
 * part of the table.
 * @param rows Of the table, now: the index is built after loading, and built anew when the table has grown tenfold.
 */
export function ivfflatLists({ rows }: { rows: number }): number {
  const byRows = rows > manyRows ? Math.sqrt(rows) : rows / 1000;
  const least = Math.min(10, Math.max(1, rows / 100));
  return Math.round(Math.min(Math.max(byRows, least), bounds.lists));
}

/** Lists that a search reads: the square root of the lists (pgvector README, "IVFFlat"), at least 1. */
export function ivfflatProbes({ lists }: { lists: number }): number {
  return Math.max(1, Math.round(Math.sqrt(lists)));
}

/**
 * What an HNSW graph is built with. `m` 16 and `ef_construction` 64 are pgvector's defaults (README, "HNSW: Index
 * Options"). Raised where recall is known to fall short with them: a graph of more than a million rows gets more
 * links a node (hnswlib's ALGO_PARAMS.md: M of 12 to 48 is for most uses, the higher the dimension and the wanted
 * recall), and vectors of 1,000 dimensions or more a wider search while building, which costs build time only.
 */
export function hnswParameters({ rows, dimension }: { rows: number; dimension: number }): {
  m: number;
  efConstruction: number;
} {
  const large = rows > manyRows;
  return { m: large ? 24 : 16, efConstruction: large || dimension >= 1000 ? 128 : 64 };
}

/**
 * How wide an HNSW search looks: pgvector's default of 40, and never less than twice the rows that are asked for,
 * since a search never gives more rows than `ef_search` (README, "HNSW: Query Options").
 * @param limit The query's LIMIT.
 */
export function hnswEfSearch({ limit }: { limit: number }): number {
  return Math.min(bounds.efSearch, Math.max(40, 2 * limit));
}

/**
 * Values of `ivfflat.probes` that are worth measuring: 1 (pgvector's default), then doubling around the computed one,
 * up to all lists (which is exact search).
 */
export function probeLadder({ lists }: { lists: number }): number[] {
  const computed = ivfflatProbes({ lists });
  const steps = [1, computed / 2, computed, computed * 2, computed * 4, computed * 8];
  return ladder(steps, 1, lists);
}

/** Values of `hnsw.ef_search` that are worth measuring; none below the rows asked for. */
export function efSearchLadder({ limit }: { limit: number }): number[] {
  return ladder([20, 40, 80, 160, 320, 640], limit, bounds.efSearch);
}

function ladder(steps: number[], least: number, most: number): number[] {
  const within = steps.map((step) => Math.min(Math.max(Math.round(step), least), most));
  return [...new Set(within)].sort((a, b) => a - b);
}
