import { POOLS } from "../roles/pools.ts";
import type { Environment } from "./blueprint.ts";
import { defined } from "./config/defined.ts";
import { ConfigError, type Fault } from "./config/fault.ts";
import { judge } from "./config/judge.ts";
import { keysOf } from "./config/operatorKeys.ts";
import { ruleFaults } from "./config/rules.ts";
import { hetznerRegion } from "./config/secondRepository.ts";
import type { Settings } from "./config/settings.ts";
import type { Source } from "./config/sources.ts";
import type { AvailablePhase } from "./phases/available.ts";

export { ConfigError, type Fault, formatFaults } from "./config/fault.ts";
export { checkToken, fromPulumi, fromStackFile, type Source } from "./config/sources.ts";

/** A stack's settings with every default filled in. Holds secrets: the keys of its object storages, and those of `alerts`. */
export interface Config
  extends Omit<
    Settings,
    "phase" | "environment" | "pools" | "access" | "endpoint" | "objectStorage" | "backup"
  > {
  phase: AvailablePhase;
  environment: Environment;
  pools: { size: number; reserve: number; maxClients: number };
  endpoint: { domain: string | null };
  access: { operators: string[]; database: string[]; keys: Record<string, string[]> };
  objectStorage: ObjectStorage;
  backup: Omit<Settings["backup"], "goals" | "secondRepository" | "dumps"> & {
    keepOnDestroy: boolean;
    /** Null: there is one repository. */
    secondRepository: SecondRepository | null;
    /** Null: none are made. */
    dumps: Dumps | null;
    goals: Settings["backup"]["goals"] & { disasterDrillDays: number };
  };
}

export interface ObjectStorage {
  /** With scheme, without a path. */
  endpoint: string;
  region: string;
  bucket: string;
  accessKey: string;
  secretKey: string;
  /** PEM, where the endpoint's certificate is of no public authority. */
  caCertificate: string | null;
}

export interface Dumps {
  /** UTC, as "03:00". */
  at: string;
  databases: string[];
  keepDays: number;
  jobs: number;
}

export interface SecondRepository extends ObjectStorage {
  retentionDays: number;
}

export type ParsedConfig = { ok: true; config: Config } | { ok: false; faults: Fault[] };

/** The addresses that embedded clouds give out: reachable from the machine that they run on, and from nowhere else. */
const embeddedRange = "198.18.0.0/15";

/** Days. */
const quarter = 92;

/** Parses a stack's settings and reports every fault at once; reads nothing and changes nothing. */
export function parseConfig(source: Source, stack: string): ParsedConfig {
  const { valid, faults } = judge(source.settings);
  const present = new Set(Object.keys(source.settings));
  const all = [...source.faults, ...faults, ...ruleFaults({ settings: valid, present, stack })];
  return all.length > 0
    ? { ok: false, faults: all }
    : { ok: true, config: complete(valid as Settings, stack) };
}

/** The same for callers that cannot go on with faults: throws one `ConfigError`. */
export function requireConfig(source: Source, stack: string): Config {
  const parsed = parseConfig(source, stack);
  if (!parsed.ok) throw new ConfigError(source.name, parsed.faults);
  return parsed.config;
}

function complete(settings: Settings, stack: string): Config {
  const { access, cloud, endpoint, environment, pools } = settings;
  const { goals } = settings.backup;
  const objectStorage = firstStorage(settings, stack);
  const open = cloud === "embedded" ? [embeddedRange] : [];
  return {
    ...settings,
    phase: settings.phase as AvailablePhase,
    environment,
    pools: { ...POOLS[environment], ...defined(pools), maxClients: pools.maxClients },
    endpoint: { domain: endpoint.domain ?? null },
    access: {
      operators: access.operators ?? open,
      database: access.database ?? open,
      keys: Object.fromEntries(Object.entries(access.keys).map(([name, keys]) => [name, keysOf(keys)])),
    },
    backup: {
      ...settings.backup,
      keepOnDestroy: settings.backup.keepOnDestroy ?? environment !== "dev",
      secondRepository: secondStorage(settings, objectStorage, stack),
      dumps: settings.backup.dumps
        ? { ...settings.backup.dumps, databases: settings.backup.dumps.databases ?? [settings.database.name] }
        : null,
      goals: {
        ...goals,
        // Only what is on the embedded cloud is ever lost for a trial.
        disasterDrillDays: goals.disasterDrillDays ?? (cloud === "embedded" ? quarter : 0),
      },
    },
    objectStorage,
  };
}

function firstStorage({ location, objectStorage }: Settings, stack: string): ObjectStorage {
  const storage = objectStorage!;
  return {
    endpoint: storage.endpoint ?? `https://${location}.your-objectstorage.com`,
    region: storage.region ?? location,
    bucket: storage.bucket ?? `phasewise-${stack}-backups`,
    accessKey: storage.accessKey,
    secretKey: storage.secretKey,
    caCertificate: storage.caCertificate ?? null,
  };
}

/** What it does not say is as with the first one; another endpoint has a region and an authority of its own. */
function secondStorage({ backup }: Settings, first: ObjectStorage, stack: string): SecondRepository | null {
  const second = backup.secondRepository;
  if (second === undefined) return null;
  const { endpoint, region } = second;
  return {
    endpoint: endpoint ?? first.endpoint,
    region: region ?? (endpoint === undefined ? first.region : hetznerRegion(endpoint)!),
    // Of its own: another name of the first one changes nothing here.
    bucket: second.bucket ?? `phasewise-${stack}-backups-2`,
    accessKey: second.accessKey ?? first.accessKey,
    secretKey: second.secretKey ?? first.secretKey,
    caCertificate: second.caCertificate ?? (endpoint === undefined ? first.caCertificate : null),
    retentionDays: second.retentionDays ?? backup.retentionDays,
  };
}
