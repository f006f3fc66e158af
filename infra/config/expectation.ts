import { z } from "zod";

/** What a setting may be, for people: the second half of every fault. */
export interface Expectation {
  allowed: string;
  /** What to do about a value that is not allowed; gets the value. */
  fix: string | ((found: unknown) => string);
  /** The value is never shown. */
  secret?: boolean;
  /** What stands for a secret that is kept encrypted while the rest is judged; it must be allowed. */
  standIn?: string;
}

const expectations = z.registry<Expectation>();

/** Says of a schema what it allows and how to mend a value that it refuses. */
export function expecting<T extends z.ZodType>(schema: T, allowed: string, fix: Expectation["fix"]): T {
  expectations.add(schema, { allowed, fix });
  return schema;
}

/** As `expecting`, for a value that must not be shown to anybody. */
export function expectingSecret<T extends z.ZodType>(
  schema: T,
  allowed: string,
  fix: Expectation["fix"],
  standIn = "encrypted",
): T {
  expectations.add(schema, { allowed, fix, secret: true, standIn });
  return schema;
}

/** Where the secrets of a schema are, as the keys that lead to each. */
export function secretPlaces(schema: z.ZodType): string[][] {
  const inner = bare(schema);
  if (!(inner instanceof z.ZodObject)) return expectations.get(inner)?.secret ? [[]] : [];
  return Object.entries(inner.shape as Record<string, z.ZodType>).flatMap(([key, part]) =>
    secretPlaces(part).map((rest) => [key, ...rest]),
  );
}

/** A schema without its defaults and options. */
export function bare(schema: z.ZodType): z.ZodType {
  let inner = schema;
  while (inner instanceof z.ZodDefault || inner instanceof z.ZodPrefault || inner instanceof z.ZodOptional) {
    inner = inner.def.innerType as z.ZodType;
  }
  return inner;
}

/** The schema that judges the value at `path` inside `schema`; undefined where nothing is allowed. */
export function schemaAt(schema: z.ZodType, path: readonly PropertyKey[]): z.ZodType | undefined {
  let at: z.ZodType | undefined = bare(schema);
  for (const key of path) {
    if (at instanceof z.ZodObject) at = (at.shape as Record<PropertyKey, z.ZodType>)[key];
    else if (at instanceof z.ZodArray) at = at.element as z.ZodType;
    else if (at instanceof z.ZodRecord) at = at.valueType as z.ZodType;
    else return undefined;
    if (at === undefined) return undefined;
    at = bare(at);
  }
  return at;
}

/** What is expected of a schema, found through its defaults; sections of settings have a general text. */
export function expectationOf(schema: z.ZodType | undefined): Expectation {
  const inner = schema && bare(schema);
  const given = inner && expectations.get(inner);
  if (given) return given;
  if (inner instanceof z.ZodObject) {
    const keys = Object.keys(inner.shape).join(", ");
    const secret = Object.values(inner.shape).some(
      (part) => expectations.get(bare(part as z.ZodType))?.secret,
    );
    return {
      allowed: `a section with ${keys}`,
      fix: `write its settings indented under it: ${keys}`,
      secret,
    };
  }
  throw new Error("a setting without a description of what it allows");
}
