import { POOLS, poolPlan } from "../../roles/pools.ts";
import { phaseNames } from "../blueprint.ts";
import { findServerType, locationNames, locations, nearestType, soldIn } from "../hetzner/catalogue.ts";
import { availablePhases } from "../phases/available.ts";
import { alertsHaveAReceiver, alertsHaveMetrics, mailHasUserAndPassword } from "./alerts.ts";
import { defined } from "./defined.ts";
import { databasesOfDumps } from "./dumps.ts";
import { describe, either, type Fault } from "./fault.ts";
import { metricsPeersAreInside } from "./metrics.ts";
import { redisFitsTheMachine, redisFitsTheVolume } from "./redis.ts";
import { secondIsAnotherPlace, secondIsWhole } from "./secondRepository.ts";
import type { Settings } from "./settings.ts";

/** What the rules judge: settings whose own value is right, the others left out. */
export interface Given {
  settings: Partial<Settings>;
  /** Names of all settings that stand in the file, right or wrong. */
  present: Set<string>;
  stack: string;
}

type Rule = (given: Given) => Fault[];

/** Rules that need more than one setting, or knowledge beside them. Each is silent where a part that it needs is wrong. */
const rules: Rule[] = [
  stackName,
  missingPhase,
  serverTypeInLocation,
  processorOfTheEmbeddedCloud,
  accessRanges,
  publicBalancer,
  objectStorageIsThere,
  objectStorageWithoutRegion,
  bucketOfOnesOwn,
  secondIsAnotherPlace,
  secondIsWhole,
  databasesOfDumps,
  reservedParameters,
  enoughConnections,
  metricsPeersAreInside,
  alertsHaveAReceiver,
  alertsHaveMetrics,
  mailHasUserAndPassword,
  redisFitsTheMachine,
  redisFitsTheVolume,
];

export function ruleFaults(given: Given): Fault[] {
  return rules.flatMap((rule) => rule(given));
}

function stackName({ stack }: Given): Fault[] {
  if (/^[a-z][a-z0-9-]{0,30}$/.test(stack)) return [];
  return [
    {
      path: "the stack's name",
      found: describe(stack),
      allowed:
        "small letters, digits and hyphens, the first a letter, at most 31: servers are named after it",
      fix: "rename its file and the stack: npx pulumi stack rename <name>",
    },
  ];
}

function missingPhase({ settings: { phase } }: Given): Fault[] {
  if (phase === undefined || (availablePhases as number[]).includes(phase)) return [];
  return [
    {
      path: "phasewise:phase",
      found: `${phase} (${phaseNames[phase as keyof typeof phaseNames]})`,
      allowed: `what this version of Phasewise can build: ${either(availablePhases)}`,
      fix: `set it to ${availablePhases.at(-1)}, or update Phasewise if a newer version has phase ${phase}`,
    },
  ];
}

function serverTypeInLocation({ settings: { server, location } }: Given): Fault[] {
  const type = server && findServerType(server.type);
  if (!type || !location || type.locations.includes(location)) return [];
  const near = nearestType(type, location);
  const elsewhere = `or another location: ${type.name} is sold in ${either(type.locations)}`;
  return [
    {
      path: "phasewise:server.type",
      found: `"${type.name}", which is not sold in ${location}`,
      allowed: `in ${location}: ${soldIn(location).join(", ")}`,
      fix: near
        ? `take ${near.name} (${near.cores} cores, ${near.memoryGb} GB), ${elsewhere}`
        : `take one of these, ${elsewhere}`,
    },
  ];
}

function processorOfTheEmbeddedCloud({ settings: { server, cloud } }: Given): Fault[] {
  const type = server && findServerType(server.type);
  if (cloud !== "embedded" || type?.architecture !== "arm") return [];
  return [
    {
      path: "phasewise:server.type",
      found: `"${type.name}", an ARM machine`,
      allowed: "x86 types: the embedded cloud runs on this machine's processor",
      fix: "take cpx22",
    },
  ];
}

/** Nothing is open to the world, and nobody locked out, because somebody forgot to say who may come in. */
function accessRanges({ settings: { access, cloud }, present }: Given): Fault[] {
  if (present.has("access") && !access) return [];
  const faults: Fault[] = [];
  if (cloud === "hetzner" ? !access?.operators?.length : access?.operators?.length === 0) {
    faults.push({
      path: "phasewise:access.operators",
      found: access?.operators ? "an empty list" : "nothing",
      allowed: "the IPv4 ranges that operators and CI come from; SSH is open to these alone",
      fix: 'write your own address (curl -4 https://ifconfig.me shows it), as ["203.0.113.7/32"]',
    });
  }
  if (cloud === "hetzner" && !access?.database) {
    faults.push({
      path: "phasewise:access.database",
      found: "nothing",
      allowed: "the IPv4 ranges that applications come from; the database's port is open to these alone",
      fix: 'write the addresses of your applications, as ["203.0.113.16/28"], or [] for private addresses only',
    });
  }
  return faults;
}

/** Hetzner's firewalls stand in front of servers only: a load balancer that is public is open to everybody. */
function publicBalancer({ settings: { access, cloud, loadBalancer } }: Given): Fault[] {
  if (cloud !== "hetzner" || !loadBalancer?.public || !access?.database) return [];
  if (access.database.includes("0.0.0.0/0")) return [];
  return [
    {
      path: "phasewise:loadBalancer.public",
      found: "true",
      allowed:
        "false, unless access.database opens the database to the world: no firewall stands in front of a load balancer",
      fix: 'set it to false (applications use its private address), or write access.database: ["0.0.0.0/0"]',
    },
  ];
}

function objectStorageIsThere({ settings: { cloud }, present }: Given): Fault[] {
  if (present.has("objectStorage") || cloud === undefined) return [];
  const set = (name: string) => `npx pulumi config set --secret --path phasewise:objectStorage.${name}`;
  return [
    {
      path: "phasewise:objectStorage",
      found: "nothing",
      allowed: "the S3 credentials for backups, and the bucket's name",
      fix:
        cloud === "embedded"
          ? "start it with npx phasewise up, which fills this in for the embedded cloud"
          : `make S3 credentials in Hetzner's console, then ${set("accessKey")} and ${set("secretKey")}`,
    },
  ];
}

function objectStorageWithoutRegion({ settings: { objectStorage, location }, present }: Given): Fault[] {
  if (!location || locations[location].objectStorage || objectStorage?.endpoint) return [];
  if (present.has("objectStorage") && !objectStorage) return [];
  const cities = locationNames.filter((name) => locations[name].objectStorage);
  return [
    {
      path: "phasewise:objectStorage.endpoint",
      found: `nothing, and Hetzner has no object storage in ${location}`,
      allowed: `any S3 endpoint; Hetzner's are in ${either(cities)}`,
      fix: `write https://${cities[0]}.your-objectstorage.com and region: ${cities[0]}, or choose a location of these`,
    },
  ];
}

function bucketOfOnesOwn({ settings: { objectStorage, cloud } }: Given): Fault[] {
  if (!objectStorage || objectStorage.bucket || cloud !== "hetzner") return [];
  return [
    {
      path: "phasewise:objectStorage.bucket",
      found: "nothing",
      allowed:
        "3 to 63 small letters, digits and hyphens, different from all buckets of all of Hetzner's customers",
      fix: "choose a name, as acme-production-backups",
    },
  ];
}

/** Parameters that somebody else decides here, and who. */
const reserved: Record<string, string> = {
  archive_command: "backups decide it",
  archive_library: "backups decide it",
  archive_mode: "backups decide it",
  restore_command: "backups decide it",
  cluster_name: "Patroni decides it",
  config_file: "Patroni decides it",
  data_directory: "Patroni decides it",
  hba_file: "Patroni decides it",
  hot_standby: "Patroni decides it",
  ident_file: "Patroni decides it",
  listen_addresses: "Patroni decides it",
  port: "Patroni decides it",
  primary_conninfo: "Patroni decides it",
  primary_slot_name: "Patroni decides it",
  synchronous_standby_names: "Patroni decides it",
  unix_socket_directories: "Patroni decides it",
  wal_level: "Patroni decides it",
  wal_log_hints: "Patroni decides it",
  fsync: "without it a power failure destroys the data",
  full_page_writes: "without it a power failure destroys the data",
  password_encryption: "passwords are kept as SCRAM verifiers",
  shared_preload_libraries: "it follows from database.extensions",
  ssl: "connections are always encrypted",
  ssl_ca_file: "connections are always encrypted",
  ssl_cert_file: "connections are always encrypted",
  ssl_key_file: "connections are always encrypted",
  ssl_min_protocol_version: "connections are always encrypted",
};

function reservedParameters({ settings: { database } }: Given): Fault[] {
  return Object.entries(database?.parameters ?? {})
    .filter(([name]) => name in reserved)
    .map(([name, value]) => ({
      path: `phasewise:database.parameters.${name}`,
      found: describe(value),
      allowed: `every parameter but the reserved ones: ${reserved[name]}`,
      fix: "remove it",
    }));
}

/** Connections beside those of the pools: Patroni, backups, monitoring, operators. */
const otherConnections = 20;

function enoughConnections({ settings: { database, environment, pools } }: Given): Fault[] {
  const given = database?.parameters.max_connections;
  if (given === undefined || !environment || !pools) return [];
  const { reserve, size } = { ...POOLS[environment], ...defined(pools) };
  const needed = poolPlan({ size, reserve }).total + otherConnections;
  if (Number(given) >= needed) return [];
  return [
    {
      path: "phasewise:database.parameters.max_connections",
      found: describe(given),
      allowed: `${needed} or more: what PgBouncer's pools and the upkeep need`,
      fix: "remove it, as it follows from pools.size and pools.reserve, or make the pools smaller",
    },
  ];
}
