import { z } from "zod";
import { phaseNames } from "../blueprint.ts";
import { findServerType, locationNames, serverTypes } from "../hetzner/catalogue.ts";
import { alerts } from "./alerts.ts";
import { dumps } from "./dumps.ts";
import { expecting } from "./expectation.ts";
import { didYouMean, either } from "./fault.ts";
import { cidrs, oneOf, text, timeOfDay, trueOrFalse, wholeNumber } from "./fields.ts";
import { metrics } from "./metrics.ts";
import { publicKeys } from "./operatorKeys.ts";
import { origin } from "./origin.ts";
import { redis } from "./redis.ts";
import { secondRepository } from "./secondRepository.ts";
import { authority, keys, place } from "./storage.ts";

/** What stands under `phasewise:` in a stack's file. Every part says what it allows; unknown keys are refused. */

const phase = expecting(
  z.int().min(1).max(5),
  `1 to 5 (${Object.entries(phaseNames)
    .map(([number, name]) => `${number} ${name}`)
    .join(", ")})`,
  "start with 1",
);

function fixLocation(found: unknown): string {
  const near = typeof found === "string" ? didYouMean(found, locationNames) : undefined;
  return near ? `did you mean ${near}?` : `write ${either(locationNames)}`;
}
const location = expecting(z.enum(locationNames), `${either(locationNames)}`, fixLocation);

const typeNames = serverTypes.map((type) => type.name);
function fixServerType(found: unknown): string {
  const near = typeof found === "string" ? didYouMean(found, typeNames) : undefined;
  return near
    ? `did you mean ${near}?`
    : "choose one that can be ordered; GET /v1/server_types, or hcloud server-type list, shows them";
}
const serverType = expecting(
  z.string().refine((name) => findServerType(name) !== undefined),
  `a server type: ${typeNames.join(", ")}`,
  fixServerType,
);

/** Names that mean something else to PostgreSQL, to its pg_hba.conf, to PgBouncer, or are roles of ours. */
const takenNames = [
  "all",
  "monitor",
  "pgbouncer",
  "postgres",
  "public",
  "replication",
  "replicator",
  "rewind",
  "samegroup",
  "samerole",
  "sameuser",
  "stats",
  "template0",
  "template1",
];
const databaseName = expecting(
  z
    .string()
    .regex(/^[a-z][a-z0-9_]{0,40}$/)
    .refine((name) => !takenNames.includes(name) && !name.startsWith("pg_")),
  "small letters, digits and underscores, the first a letter, at most 41, and no name that PostgreSQL or Phasewise uses",
  (found) => {
    const name = String(found);
    if (takenNames.includes(name) || name.startsWith("pg_"))
      return `${name} has a meaning of its own: choose another`;
    const plain = name
      .toLowerCase()
      .replace(/[^a-z0-9_]+/g, "_")
      .replace(/^[^a-z]+/, "")
      .slice(0, 41);
    return plain && typeof found === "string" ? `did you mean ${plain}?` : "choose a name, as app";
  },
);

/** What Debian's postgresql-17 (with its contrib modules) and postgresql-17-pgvector bring. */
export const extensionNames = [
  ...["amcheck", "bloom", "btree_gin", "btree_gist", "citext", "cube", "dblink", "dict_int", "dict_xsyn"],
  ...[
    "earthdistance",
    "file_fdw",
    "fuzzystrmatch",
    "hstore",
    "intarray",
    "isn",
    "lo",
    "ltree",
    "pageinspect",
  ],
  ...["pg_buffercache", "pg_freespacemap", "pg_prewarm", "pg_stat_statements", "pg_surgery", "pg_trgm"],
  ...[
    "pg_visibility",
    "pg_walinspect",
    "pgcrypto",
    "pgrowlocks",
    "pgstattuple",
    "postgres_fdw",
    "seg",
    "sslinfo",
  ],
  ...["tablefunc", "tcn", "tsm_system_rows", "tsm_system_time", "unaccent", "uuid-ossp", "vector", "xml2"],
] as const;
const extension = expecting(
  z.enum(extensionNames),
  "an extension that Debian's postgresql-17 or pgvector brings",
  (found) => {
    if (found === "pgvector") return "did you mean vector? The extension of pgvector is called so";
    const near = typeof found === "string" ? didYouMean(found, extensionNames) : undefined;
    return near ? `did you mean ${near}?` : "leave it out";
  },
);

const parameterName = text(
  /^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?$/,
  "a parameter of PostgreSQL in small letters",
  "write it as SHOW ALL in psql does",
);
const parameterValue = expecting(
  z.union([z.string(), z.number(), z.boolean()]),
  "a text, a number, true or false",
  'write one value, as work_mem: "16MB"',
);

const catalogue = text(
  /^([a-z][a-z0-9-]*|\S+\.ya?ml)$/,
  "the name of a built-in catalogue, or a path that ends in .yaml, relative to the project",
  "write a name, as fastbots, or a path, as ./catalogues/ours.yaml",
);

const domain = text(
  /^(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])$/,
  "a name in the DNS, as db.example.com",
  (found) =>
    typeof found === "string" && found.includes("/")
      ? "write the name alone, without a scheme or path"
      : "write a full name in small letters, as db.example.com",
);

/** The settings by key; each is judged on its own, so that one fault hides no other. */
export const settings = {
  cloud: oneOf(["hetzner", "embedded"]).default("hetzner"),
  phase,
  environment: oneOf(["dev", "staging", "production"]),
  deletionProtection: trueOrFalse().default(true),
  location: location.default("fsn1"),
  server: z.strictObject({ type: serverType.default("cpx22") }).prefault({}),
  volume: z
    .strictObject({
      sizeGb: wholeNumber(10, 10_240, "(GB)", "Hetzner sells volumes of 10 to 10240 GB").default(20),
    })
    .prefault({}),
  database: z
    .strictObject({
      name: databaseName.default("app"),
      postgresVersion: expecting(z.literal(17), "17", "write 17, the version that is installed").default(17),
      parameters: expecting(
        z.record(parameterName, parameterValue),
        "PostgreSQL's parameters and their values",
        'write one a line, as work_mem: "16MB"',
      ).default({}),
      durability: oneOf(["async", "sync"]).default("async"),
      // A stream that is alive is heard from every 2.5 s.
      readLagSeconds: wholeNumber(3, 3600, "(seconds)").default(5),
      replicas: wholeNumber(
        1,
        7,
        "(standbys for reads)",
        "a network's range and PostgreSQL's senders end there",
      ).default(1),
      extensions: expecting(
        z.array(extension),
        "a list of extensions",
        "write a list, as [vector, pg_trgm]",
      ).default(["vector", "pg_stat_statements"]),
    })
    .prefault({}),
  pools: z
    .strictObject({
      size: wholeNumber(1, 500, "(connections)").optional(),
      reserve: wholeNumber(0, 500, "(connections)").optional(),
      maxClients: wholeNumber(10, 50_000, "(connections)").default(1000),
    })
    .prefault({}),
  redis,
  loadBalancer: z
    .strictObject({
      type: oneOf(["lb11", "lb21", "lb31"]).default("lb11"),
      public: trueOrFalse().default(false),
    })
    .prefault({}),
  applications: z.strictObject({ count: wholeNumber(1, 10, "(servers)").default(2) }).prefault({}),
  limits: z
    .strictObject({
      servers: wholeNumber(1, 10_000, "(servers)", "as Hetzner's console shows it").optional(),
    })
    .prefault({}),
  metrics,
  alerts,
  endpoint: z.strictObject({ domain: domain.optional() }).prefault({}),
  access: z
    .strictObject({
      operators: cidrs().optional(),
      database: cidrs().optional(),
      keys: publicKeys().default({}),
    })
    .prefault({}),
  objectStorage: z.strictObject({ ...place, ...keys("objectStorage"), ...authority }).optional(),
  catalogues: expecting(
    z.array(catalogue),
    "a list of catalogues of indexes",
    "write a list, as [fastbots, ./catalogues/ours.yaml]",
  ).default([]),
  recovery: z
    .strictObject({
      recipients: expecting(
        z.array(z.string().regex(/^age1[02-9ac-hj-np-z]{58,}$/)),
        "a list of public keys of age, as age1...",
        "make one with age-keygen -o recovery.key, which prints it; keep the key away from the stack",
      ).default([]),
    })
    .prefault({}),
  origin,
  backup: z
    .strictObject({
      time: timeOfDay("02:00"),
      fullOn: oneOf(["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]).default(
        "sunday",
      ),
      retentionDays: wholeNumber(1, 3650, "(days)").default(30),
      secondRepository,
      dumps,
      queuePercent: wholeNumber(1, 80, "(percent of the volume)").default(40),
      keepDeletedDays: wholeNumber(0, 365, "(days)").default(14),
      keepOnDestroy: trueOrFalse().optional(),
      goals: z
        .strictObject({
          rpoMinutes: wholeNumber(1, 10_080, "(minutes)").default(60),
          rtoMinutes: wholeNumber(1, 10_080, "(minutes)").default(240),
          drillDays: wholeNumber(1, 3650, "(days)").default(31),
          disasterDrillDays: wholeNumber(0, 3650, "(days; 0: none is asked for)").optional(),
        })
        .prefault({}),
    })
    .prefault({}),
};

type SettingsSchema = typeof settings;
/** The settings after their own checks, defaults filled in, before the rules that look at several of them. */
export type Settings = { [Key in keyof SettingsSchema]: z.output<SettingsSchema[Key]> };
