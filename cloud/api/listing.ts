import { invalidField } from "./errors.ts";

/** A query string: every key may come more than once. */
export type Query = Record<string, string | string[] | undefined>;

export function values(query: Query, key: string): string[] {
  const value = query[key];
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}

export function value(query: Query, key: string): string | undefined {
  return values(query, key).at(-1);
}

/** "true" or "false". */
export function flag(query: Query, key: string): boolean {
  return value(query, key) === "true";
}

export interface Page {
  page: number;
  perPage: number;
}

function positive(query: Query, key: string, otherwise: number): number {
  const text = value(query, key);
  if (text === undefined || text === "") return otherwise;
  if (!/^\d{1,9}$/.test(text) || Number(text) < 1) throw invalidField(key, "Not a valid positive integer.");
  return Number(text);
}

/** Hetzner gives 25 entries a page by default and 50 at most. */
export function readPage(query: Query): Page {
  return { page: positive(query, "page", 1), perPage: Math.min(positive(query, "per_page", 25), 50) };
}

export interface Pagination {
  page: number;
  per_page: number;
  previous_page: number | null;
  next_page: number | null;
  last_page: number;
  total_entries: number;
}

export function paginate<T>(
  entries: readonly T[],
  { page, perPage }: Page,
): { entries: T[]; pagination: Pagination } {
  const last = Math.max(1, Math.ceil(entries.length / perPage));
  return {
    entries: entries.slice((page - 1) * perPage, page * perPage),
    pagination: {
      page,
      per_page: perPage,
      previous_page: page > 1 ? page - 1 : null,
      next_page: page < last ? page + 1 : null,
      last_page: last,
      total_entries: entries.length,
    },
  };
}

/** The `Link` header (RFC 8288) of a page; `url` is the request's path with its query, `base` comes before it. */
export function linkHeader(base: string, url: string, pagination: Pagination): string {
  const link = (rel: string, page: number | null) => {
    if (page === null) return [];
    const [path, query] = url.split("?", 2);
    const parameters = new URLSearchParams(query);
    parameters.set("page", String(page));
    return [`<${base}${path}?${parameters}>; rel="${rel}"`];
  };
  return [
    ...link("prev", pagination.previous_page),
    ...link("next", pagination.next_page),
    ...link("last", pagination.last_page),
  ].join(", ");
}

/** What an entry is sorted by. */
export type SortKeys<T> = Record<string, (entry: T) => string | number>;

/** Sorts by `sort=name`, `sort=created:desc`, given once or more; what is equal stays in the order of ids. */
export function sorted<T>(entries: T[], query: Query, keys: SortKeys<T>): T[] {
  const orders = values(query, "sort").map((text) => {
    const [key = "", direction = "asc", ...rest] = text.split(":");
    const read = Object.hasOwn(keys, key) ? keys[key] : undefined;
    if (!read || rest.length > 0 || (direction !== "asc" && direction !== "desc")) {
      throw invalidField("sort", `Must be one of: ${Object.keys(keys).join(", ")}, with :asc or :desc.`);
    }
    return { read, sign: direction === "asc" ? 1 : -1 };
  });
  if (orders.length === 0) return entries;
  return [...entries].sort((a, b) => {
    for (const { read, sign } of orders) {
      const [left, right] = [read(a), read(b)];
      if (left !== right) return left < right ? -sign : sign;
    }
    return 0;
  });
}
