import { z } from "zod";
import type { KeyPart } from "./entries.ts";
import { parseKeyPart, quoteIdentifier } from "./keyPart.ts";

/**
 * The form of a catalogue's file. Messages say what is allowed; parse.ts adds file, line and what was found. Each kind
 * of index has a schema of its own, so that a fault names the keys which that kind has.
 */

/** PostgreSQL cuts longer names off (NAMEDATALEN - 1). */
const nameLimit = 63;

const name = z
  .string({ error: "a name" })
  .regex(/^[a-z_][a-z0-9_]*$/, { error: "a name in small letters, digits and underscores" })
  .max(nameLimit, { error: `a name of at most ${nameLimit} characters` });

const table = z
  .string({ error: "a table's name" })
  .regex(/^([a-z_][a-z0-9_]*\.)?[a-z_][a-z0-9_]*$/, { error: "a table's name, or schema.table" })
  .transform((text) => {
    const [first, second] = text.split(".") as [string, string | undefined];
    return second === undefined ? { schema: "public", name: first } : { schema: first, name: second };
  });

const column = z
  .string({ error: "a column's name" })
  .regex(/^[A-Za-z_][A-Za-z0-9_$]*$/, { error: "a column's name" });

/** SQL that is put into a statement of ours: one expression, so no end of statement and no comment. */
const expression = z
  .string({ error: "an SQL expression" })
  .min(1, { error: "an SQL expression" })
  .refine((text) => !/;|--|\/\*/.test(text), { error: "one SQL expression, without ; and comments" });

const keyHelp =
  "a column, as `created_at desc nulls last`, or a map with column or expression, order, nulls, operatorClass";

const keyMap = z
  .strictObject(
    {
      column: column.optional(),
      expression: expression.optional(),
      order: z.enum(["asc", "desc"], { error: "asc or desc" }).default("asc"),
      nulls: z.enum(["first", "last"], { error: "first or last" }).optional(),
      operatorClass: name.optional(),
    },
    { error: keyHelp },
  )
  .refine((part) => (part.column === undefined) !== (part.expression === undefined), {
    error: "either a column or an expression",
  });

/** The short form is a text, the long one a map: chosen first, so that faults are those of the form that was meant. */
const keyPart = z.unknown().transform((value, ctx): KeyPart => {
  if (typeof value === "string") {
    const part = parseKeyPart(value);
    if (part) return part;
    ctx.addIssue({ code: "custom", message: keyHelp });
    return z.NEVER;
  }
  const { data, error } = keyMap.safeParse(value);
  if (!data) {
    for (const issue of error.issues)
      ctx.issues.push({ ...issue, input: value } as (typeof ctx.issues)[number]);
    return z.NEVER;
  }
  const given = data.column?.toLowerCase() ?? null;
  return {
    sql: given === null ? `(${data.expression})` : quoteIdentifier(given),
    column: given,
    descending: data.order === "desc",
    nulls: data.nulls ?? null,
    operatorClass: data.operatorClass ?? null,
  };
});

const columns = z.array(keyPart, { error: "a list of columns" }).min(1, { error: "at least one column" });
const names = z.array(column, { error: "a list of columns" }).min(1, { error: "at least one column" });
const why = z.string({ error: "a sentence that says why" }).min(1, { error: "a sentence that says why" });
const source = z.string({ error: "a text that says where this comes from" }).optional();

const common = { name, table, why, source, where: expression.optional() };
const plain = { ...common, columns };
const flag = z.boolean({ error: "true or false" }).default(false);

const count = (from: number, to: number) =>
  z
    .union([z.literal("computed"), z.int().min(from).max(to)], {
      error: `computed, or a whole number from ${from} to ${to}`,
    })
    .default("computed");

const vector = {
  ...common,
  column,
  operator: z.enum(["<->", "<=>", "<#>", "<+>"], {
    error:
      'the operator that the queries use, in quotation marks: "<->" (L2), "<=>" (cosine), "<#>" or "<+>"',
  }),
  operatorClass: z.string({ error: "an operator class" }).optional(),
  /** 4,000: what an index of pgvector takes at most, as halfvec. */
  dimension: z.int({ error: "a whole number" }).min(1).max(4000, { error: "4000 at most" }).optional(),
};

/** A map that allows these keys and no others. */
function map<T extends z.core.$ZodLooseShape>(shape: T) {
  return z.strictObject(shape, { error: `a map with ${Object.keys(shape).join(", ")}` });
}

/** One schema for each kind of index: limits of the parameters are pgvector's own. */
export const indexKinds = {
  btree: map({
    kind: z.literal("btree").default("btree"),
    ...plain,
    include: names.optional(),
    unique: flag,
  }),
  gin: map({ kind: z.literal("gin"), ...plain }),
  gist: map({ kind: z.literal("gist"), ...plain }),
  brin: map({ kind: z.literal("brin"), ...plain }),
  hash: map({ kind: z.literal("hash"), ...plain }),
  trigram: map({ kind: z.literal("trigram"), ...common, columns: names }),
  fulltext: map({
    kind: z.literal("fulltext"),
    ...common,
    columns: names,
    language: name.default("simple"),
  }),
  ivfflat: map({ kind: z.literal("ivfflat"), ...vector, lists: count(1, 32_768) }),
  hnsw: map({
    kind: z.literal("hnsw"),
    ...vector,
    m: count(2, 100),
    efConstruction: count(4, 1000),
  }),
};
export type IndexKind = keyof typeof indexKinds;
export type ParsedIndex = z.output<(typeof indexKinds)[IndexKind]>;

const units = { minutes: 1, hours: 60, days: 1440 } as const;

const refresh = z.string({ error: "hourly, daily, or as `every 15 minutes`" }).transform((text, ctx) => {
  const minutes = minutesOf(text);
  if (minutes !== null && minutes >= 5) return minutes;
  ctx.addIssue({ code: "custom", message: "hourly, daily, or as `every 15 minutes` (5 at least)" });
  return z.NEVER;
});

function minutesOf(text: string): number | null {
  if (text === "hourly") return units.hours;
  if (text === "daily") return units.days;
  const match = /^every ([1-9]\d{0,3}) (minutes|hours|days)$/.exec(text);
  return match ? Number(match[1]) * units[match[2] as keyof typeof units] : null;
}

export const viewSchema = map({
  name: table,
  query: z
    .string({ error: "a query" })
    .regex(/^\s*(select|with)\b/i, { error: "a query that begins with select or with" })
    .refine((text) => !/;\s*\S/.test(text), { error: "one query" }),
  unique: names,
  refresh,
  why,
  source,
});

export const partitionSchema = map({
  table,
  column,
  every: z.literal("month", { error: "month" }),
  ahead: z.int({ error: "a whole number of months, 1 to 24" }).min(1).max(24).default(3),
  why,
  source,
});

export const headSchema = map({
  description: z.string({ error: "a sentence that says whose indexes these are" }),
  extensions: z.array(name, { error: "a list of extensions" }).default([]),
  indexes: z.array(z.unknown(), { error: "a list of indexes" }).default([]),
  materializedViews: z.array(z.unknown(), { error: "a list of materialized views" }).default([]),
  partitions: z.array(z.unknown(), { error: "a list of partition rules" }).default([]),
});
