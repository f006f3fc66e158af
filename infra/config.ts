import { POOLS } from "../roles/pools.ts";
import type { Environment } from "./blueprint.ts";
import { defined } from "./config/defined.ts";
import { ConfigError, type Fault } from "./config/fault.ts";
import { judge } from "./config/judge.ts";
import { keysOf } from "./config/operatorKeys.ts";
import { ruleFaults } from "./config/rules.ts";
import type { Settings } from "./config/settings.ts";
import type { Source } from "./config/sources.ts";
import type { AvailablePhase } from "./phases/available.ts";

export { ConfigError, type Fault, formatFaults } from "./config/fault.ts";
export { checkToken, fromPulumi, fromStackFile, type Source } from "./config/sources.ts";

/** A stack's settings with every default filled in. Holds secrets: `objectStorage.accessKey` and `.secretKey`. */
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
  backup: Omit<Settings["backup"], "goals"> & {
    keepOnDestroy: boolean;
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
  const { access, cloud, endpoint, environment, location, pools } = settings;
  const { goals } = settings.backup;
  const storage = settings.objectStorage!;
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
      goals: {
        ...goals,
        // Only what is on the embedded cloud is ever lost for a trial.
        disasterDrillDays: goals.disasterDrillDays ?? (cloud === "embedded" ? quarter : 0),
      },
    },
    objectStorage: {
      endpoint: storage.endpoint ?? `https://${location}.your-objectstorage.com`,
      region: storage.region ?? location,
      bucket: storage.bucket ?? `phasewise-${stack}-backups`,
      accessKey: storage.accessKey,
      secretKey: storage.secretKey,
      caCertificate: storage.caCertificate ?? null,
    },
  };
}
