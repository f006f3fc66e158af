import { z } from "zod";
import { type CheckFailure, type Properties, Secret, UNKNOWN } from "../../server/resource.ts";
import { isObject, unwrap } from "../../server/values.ts";
import { type Fault, failureOf, issuesOf } from "../host/faults.ts";
import { connectionSchema } from "../host/inputs.ts";

const identifier = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_$-]{0,62}$/, "must be a name that PostgreSQL takes");
const setting = z.string().regex(/^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?$/, "must be the name of a setting");
const text = z.string().min(1, "must not be empty");

const sqlRole = z.strictObject({
  name: identifier,
  login: z.boolean(),
  passwordSecret: z.string().nullable(),
  memberOf: z.array(identifier),
  settings: z.record(setting, z.string()),
  connectionLimit: z.number().int().min(-1).optional(),
});

const statement = z.strictObject({ name: text, database: identifier, probe: text, act: text });

const seconds = z.number().int();

/** Patroni's own limits: its documentation "Dynamic configuration", and its validator for ttl. */
const dynamicConfiguration = z.looseObject({
  ttl: seconds.min(20, "must be 20 or more").optional(),
  loop_wait: seconds.min(1, "must be 1 or more").optional(),
  retry_timeout: seconds.min(3, "must be 3 or more").optional(),
  postgresql: z
    .looseObject({
      parameters: z.record(setting, z.union([z.string(), z.number(), z.boolean()])).optional(),
    })
    .optional(),
});

const access = z.strictObject({
  port: z.number().int(),
  ca: text,
  certificate: text,
  key: text,
});

/** Where machines keep root's certificate for Patroni and etcd. */
const ACCESS: z.infer<typeof access> = {
  port: 8008,
  ca: "/etc/phasewise/tls/root/ca.pem",
  certificate: "/etc/phasewise/tls/root/node.pem",
  key: "/etc/phasewise/tls/root/node.key",
};

const inputsSchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]*$/, "must be lower case letters, digits and dashes"),
  members: z
    .array(
      z.strictObject({
        name: text,
        connection: connectionSchema,
        hostKey: text,
        joining: z.boolean().optional(),
      }),
    )
    .min(1, "must name one member or more"),
  patroni: access.partial().default({}),
  dynamicConfiguration,
  sql: z.strictObject({
    roles: z.array(sqlRole),
    databases: z.array(z.strictObject({ name: identifier, owner: identifier })),
    statements: z.array(statement),
  }),
  steps: z.array(z.strictObject({ name: text, probe: text, act: text })).default([]),
  // SASLprep would change other characters; generated passwords have none.
  secrets: z
    .record(z.string(), z.string().regex(/^[\x21-\x7e]+$/, "must be printable ASCII without spaces"))
    .default({}),
  deadlineSeconds: z.number().positive().max(86_400).optional(),
});

export type ClusterData = z.infer<typeof inputsSchema>;
export type SqlRole = z.infer<typeof sqlRole>;
export type SqlStatement = z.infer<typeof statement>;
export type Step = ClusterData["steps"][number];

type Named<T extends { name: string }> = Record<string, Omit<T, "name"> & { found?: string }>;

/** The inputs as the state keeps them: lists by name, so that a preview shows one changed entry as that. */
export interface StoredCluster {
  name: string;
  members: Named<ClusterData["members"][number]>;
  patroni: z.infer<typeof access>;
  dynamicConfiguration: ClusterData["dynamicConfiguration"];
  roles: Named<SqlRole>;
  databases: Named<ClusterData["sql"]["databases"][number]>;
  statements: Named<SqlStatement>;
  /** Names of the statements in their order; so for the steps. */
  statementOrder: string[];
  steps: Named<Step>;
  stepOrder: string[];
  secrets: Record<string, string>;
  deadlineSeconds?: number;
  /** What a refresh noted of the whole: why it could not look. */
  found?: string;
}

/** Validates what a program gives and brings it into the stored form; unknown values are let through. */
export function checkInputs(news: Properties): { inputs: Properties; failures: CheckFailure[] } {
  const plain = unwrap(news) as Properties;
  const parsed = inputsSchema.safeParse(plain);
  const faults: Fault[] = parsed.success ? crossFaults(parsed.data) : issuesOf(parsed.error, plain);
  return { inputs: stored(plain), failures: faults.map(failureOf) };
}

/** Faults that no single value shows. */
export function crossFaults(data: ClusterData): Fault[] {
  const { sql, secrets, dynamicConfiguration: dynamic } = data;
  const faults: Fault[] = [];
  twice(faults, ["members"], data.members);
  twice(faults, ["sql", "roles"], sql.roles);
  twice(faults, ["sql", "databases"], sql.databases);
  twice(faults, ["sql", "statements"], sql.statements);
  twice(faults, ["steps"], data.steps);
  sql.roles.forEach((role, index) => {
    if (role.passwordSecret === null || role.passwordSecret in secrets) return;
    const reason = `asks for the secret ${role.passwordSecret}, which is not given`;
    faults.push({ path: ["sql", "roles", index, "passwordSecret"], reason });
  });
  const databases = new Set(["postgres", ...sql.databases.map((database) => database.name)]);
  sql.statements.forEach(({ database }, index) => {
    if (databases.has(database)) return;
    faults.push({
      path: ["sql", "statements", index, "database"],
      reason: `${database} is not among the databases`,
    });
  });
  const { ttl = 30, loop_wait = 10, retry_timeout = 10 } = dynamic;
  if (loop_wait + 2 * retry_timeout > ttl) {
    const reason = `loop_wait + 2 * retry_timeout must not be more than ttl: ${loop_wait} + 2 * ${retry_timeout} > ${ttl}`;
    faults.push({ path: ["dynamicConfiguration", "ttl"], reason });
  }
  return faults;
}

function twice(faults: Fault[], path: string[], items: { name: string }[]): void {
  const seen = new Set<string>();
  items.forEach(({ name }, index) => {
    if (seen.has(name)) faults.push({ path: [...path, index, "name"], reason: `${name} is there twice` });
    seen.add(name);
  });
}

function stored(data: Properties): Properties {
  const { sql, members, patroni, steps, secrets, ...rest } = data;
  const lists = isObject(sql) ? sql : {};
  return {
    ...rest,
    patroni: patroni === undefined || isObject(patroni) ? { ...ACCESS, ...patroni } : patroni,
    members: byName(members, (member) => ({ ...member, connection: withSecretKey(member.connection) })),
    roles: byName(lists.roles),
    databases: byName(lists.databases),
    statements: byName(lists.statements),
    statementOrder: order(lists.statements),
    steps: byName(steps ?? []),
    stepOrder: order(steps ?? []),
    secrets: isObject(secrets)
      ? Object.fromEntries(
          Object.entries(secrets).map(([name, value]) => [
            name,
            value === UNKNOWN ? value : new Secret(value),
          ]),
        )
      : (secrets ?? {}),
  };
}

function withSecretKey(connection: unknown): unknown {
  if (!isObject(connection) || typeof connection.privateKey !== "string") return connection;
  return { port: 22, user: "root", ...connection, privateKey: new Secret(connection.privateKey) };
}

/** Items by their name; UNKNOWN where a preview does not know enough of them. */
function byName(items: unknown, change: (item: Properties) => Properties = (item) => item): unknown {
  if (!Array.isArray(items)) return UNKNOWN;
  const found: Properties = {};
  for (const item of items) {
    if (!isObject(item) || typeof item.name !== "string") return UNKNOWN;
    const { name, ...rest } = item;
    found[name as string] = change(rest);
  }
  return found;
}

function order(items: unknown): unknown {
  if (!Array.isArray(items)) return UNKNOWN;
  return items.map((item) => (isObject(item) ? item.name : UNKNOWN));
}

/** The plain inputs out of the state. */
export function plainInputs(inputs: Properties): StoredCluster {
  return unwrap(inputs) as unknown as StoredCluster;
}
