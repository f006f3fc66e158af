import { z } from "zod";

/**
 * A deployed stack as the operator's commands see it: the one output that scripts read. The output is secret as
 * a whole (it holds keys and passwords) and is validated on read.
 */
const machine = z.object({
  name: z.string(),
  serverId: z.string(),
  serverType: z.string(),
  location: z.string(),
  publicAddress: z.string(),
  privateAddress: z.string(),
  /** OpenSSH public key that the machine must present. */
  hostKey: z.string(),
  roles: z.array(z.string()),
  volumes: z.array(z.object({ id: z.string(), path: z.string(), sizeGb: z.number() })),
});

const sqlRole = z.object({ name: z.string(), password: z.string() });

const cluster = z.object({
  name: z.string(),
  /** Names of machines: those that hold the data, and those where clients connect. */
  members: z.array(z.string()),
  gateways: z.array(z.string()),
  durability: z.enum(["async", "sync"]),
  postgresVersion: z.number(),
  databases: z.array(z.string()),
  /** The parameters that were declared, as Patroni was given them. */
  parameters: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  extensions: z.array(z.string()),
  roles: z.object({ owner: sqlRole, application: sqlRole, readonly: sqlRole, monitor: sqlRole }),
  backupStanza: z.string(),
  /** The databases of which dumps are made each day; null where none are. */
  dumps: z
    .object({ databases: z.array(z.string()) })
    .nullable()
    .default(null),
  /** The key of the backups. Null in a stack that was brought up before it was told. */
  backupCipher: z.string().nullable().default(null),
});

const cache = z.object({
  name: z.string(),
  /** Names of machines; the first is the primary at first. */
  machines: z.array(z.string()),
  memoryMb: z.number(),
  evictionPolicy: z.string(),
  /** Where clients connect. */
  endpoint: z.object({ host: z.string(), port: z.number() }),
  application: z.object({ name: z.string(), password: z.string() }),
  /** The key of its backups. Null in a stack that was brought up before it had any. */
  backupCipher: z.string().nullable().default(null),
  /** Who agrees on its primary; null where it has one Redis. */
  sentinel: z
    .object({
      /** Names of machines. */
      machines: z.array(z.string()),
      /** As clients in the private network reach them. */
      addresses: z.array(z.string()),
      user: z.string(),
      password: z.string(),
    })
    .nullable()
    .default(null),
});

export const topologySchema = z.object({
  version: z.literal(1),
  project: z.string(),
  stack: z.string(),
  environment: z.string(),
  phase: z.number().int().min(1).max(5),
  /** Names of machines with a vote. */
  consensus: z.object({ members: z.array(z.string()) }),
  endpoints: z.object({
    write: z.object({ host: z.string(), port: z.number() }),
    read: z.object({ host: z.string(), port: z.number() }),
    database: z.string(),
  }),
  machines: z.array(machine),
  clusters: z.array(cluster),
  /** A stack that was brought up before there were any has none. */
  caches: z.array(cache).default([]),
  /** Each in front of some machines. */
  loadBalancers: z
    .array(
      z.object({
        name: z.string(),
        loadBalancerId: z.string(),
        publicAddress: z.string().nullable(),
        privateAddress: z.string(),
        machines: z.array(z.string()),
        ports: z.array(z.number()),
        /** Where it reaches its machines: traffic, and what it asks for their health. */
        targetPorts: z.array(z.number()).default([]),
      }),
    )
    .default([]),
  /** The repositories of the backups, the first of them with all that Phasewise itself keeps. */
  buckets: z.array(
    z.object({
      name: z.string(),
      endpoint: z.string(),
      region: z.string(),
      accessKey: z.string(),
      secretKey: z.string(),
      caCertificate: z.string().nullable(),
    }),
  ),
  /** What drills are judged by. */
  goals: z
    .object({
      rpoMinutes: z.number(),
      rtoMinutes: z.number(),
      drillDays: z.number(),
      disasterDrillDays: z.number().default(0),
    })
    .default({ rpoMinutes: 60, rtoMinutes: 240, drillDays: 31, disasterDrillDays: 0 }),
  /** For whom the recovery kit is encrypted, as age1.... */
  recovery: z.object({ recipients: z.array(z.string()) }).default({ recipients: [] }),
  ssh: z.object({ user: z.string(), privateKey: z.string() }),
  caCertificate: z.string(),
  firewall: z.object({ operators: z.array(z.string()), database: z.array(z.string()) }),
});

export type Topology = z.infer<typeof topologySchema>;
