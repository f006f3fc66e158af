import type { KeyPart } from "./entries.ts";

const word = /^([A-Za-z_][A-Za-z0-9_$]*|"(?:[^"]|"")+")((?:\s+[A-Za-z_]+)*)$/;

/** An identifier as SQL takes it anywhere. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/**
 * A column in its short form: `created_at`, `created_at desc`, `created_at desc nulls last`.
 * Null where the text is none.
 */
export function parseKeyPart(text: string): KeyPart | null {
  const match = word.exec(text.trim());
  if (!match) return null;
  const column = unquote(match[1]!);
  const order = orderOf(match[2]!.toLowerCase().trim().replaceAll(/\s+/g, " "));
  return order && { sql: quoteIdentifier(column), column, operatorClass: null, ...order };
}

/** Unquoted names are folded to small letters, as PostgreSQL does. */
function unquote(name: string): string {
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name.toLowerCase();
}

function orderOf(text: string): Pick<KeyPart, "descending" | "nulls"> | null {
  const match = /^(asc|desc)?(?: ?nulls (first|last))?$/.exec(text);
  if (!match) return null;
  return { descending: match[1] === "desc", nulls: (match[2] as "first" | "last" | undefined) ?? null };
}
