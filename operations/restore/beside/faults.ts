import type { OriginSetting } from "../../../infra/config/origin.ts";
import type { Config } from "../../../infra/config.ts";
import { serverLimit } from "../../promote/preflight.ts";
import type { Cluster } from "../../topology.ts";
import { neededForData } from "../repository.ts";

/** Where a bucket is. */
interface Place {
  endpoint: string;
  name: string;
}

/** What is known before a stack is made from another one's backups; sizes in bytes. */
export interface BesideFacts {
  /** The new stack, and the one whose data it begins with. */
  stack: string;
  origin: OriginSetting;
  source: Pick<Cluster, "databases" | "postgresVersion" | "extensions"> & {
    buckets: Place[];
  };
  /** Why the target cannot be reached; null where it can. */
  target: string | null;
  /** Of the database in the backup; 0 where there is none that could be taken. */
  bytes: number;
  /** Of the new stack. */
  config: Pick<Config, "database" | "volume" | "limits"> & {
    origin?: OriginSetting | undefined;
    /** The first one of its own, and a second one where it has that. */
    buckets: Place[];
  };
  /** How many resources Pulumi knows of it. */
  resources: number;
  /** Objects in its bucket that may be backups. */
  held: number;
  servers: { there: number; coming: number };
}

/** Everything that keeps a stack from being made from another one's backups. */
export function besideFaults(facts: BesideFacts): string[] {
  const { bytes, config, held, origin, servers, source, stack, target } = facts;
  const { database, volume } = config;
  const needed = bytes === 0 ? 0 : neededForData(bytes);
  const ownBytes = volume.sizeGb * 1024 ** 3;
  const shared = config.buckets.filter((own) =>
    source.buckets.some(({ endpoint, name }) => own.name === name && own.endpoint === endpoint),
  );
  const missing = source.databases.filter((name) => name === database.name).length === 0;
  return [
    ...(target === null ? [] : [target]),
    ...occupied(facts),
    ...shared.map(
      ({ name }) =>
        `${stack} and ${origin.stack} would share the bucket ${name}: each needs buckets of its own`,
    ),
    ...(held > 0 && facts.resources === 0 && !underWay(facts)
      ? [
          `the bucket ${config.buckets[0]!.name} holds backups already: empty it, or name another (phasewise:objectStorage.bucket)`,
        ]
      : []),
    ...(missing
      ? [
          `${origin.stack} has the database ${source.databases.join(", ")}, ${stack} wants ${database.name} (phasewise:database.name)`,
        ]
      : []),
    ...(database.postgresVersion === source.postgresVersion
      ? []
      : [
          `${origin.stack} has PostgreSQL ${source.postgresVersion}, ${stack} wants ${database.postgresVersion} (phasewise:database.postgresVersion)`,
        ]),
    ...(ownBytes < needed
      ? [
          `the volume of ${stack} (${gb(ownBytes)}) is too small: the restored database needs ${gb(needed)} (phasewise:volume.sizeGb)`,
        ]
      : []),
    ...serverLimit({ ...servers, limit: config.limits.servers ?? null }),
  ];
}

/** A run of the same restore was cut off. */
function underWay({ config, origin }: BesideFacts): boolean {
  return config.origin !== undefined && same(config.origin, origin);
}

function occupied(facts: BesideFacts): string[] {
  const { config, origin, resources, stack } = facts;
  if (config.origin !== undefined && !same(config.origin, origin)) {
    const { stack: from, to } = config.origin;
    return [
      `${stack} is being made from ${from} as of ${to} already: go on with that (--to ${to}), or npx phasewise destroy ${stack} and remove phasewise:origin from its file`,
    ];
  }
  if (resources === 0 || underWay(facts)) return [];
  return [`${stack} is there already, with ${resources} resources: choose another name, or --in-place`];
}

function same(one: OriginSetting, other: OriginSetting): boolean {
  return one.stack === other.stack && one.cluster === other.cluster && one.to === other.to;
}

function gb(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}
