import { isDeepStrictEqual } from "node:util";
import { phaseNames } from "./blueprint.ts";
import { describe, type Fault } from "./config/fault.ts";
import type { Config, ObjectStorage } from "./config.ts";
import { findServerType } from "./hetzner/catalogue.ts";
import type { Topology } from "./topology.ts";

/** What of a deployed stack its file cannot change, or only in one direction. */
export interface Deployed {
  stack: string;
  phase: number;
  /** A promotion that is under way: there may be parts of both phases. */
  transition?: { from: number; to: number };
  /** A change of its size is under way: there may be parts of both. */
  scaling?: boolean;
  location: string;
  serverType: string;
  /** The largest of its volumes, in GB. */
  volumeGb: number;
  database: string;
  postgresVersion: number;
  bucket: { endpoint: string; name: string };
  /** Of the second repository; left out where there is none. */
  secondBucket?: { endpoint: string; name: string };
}

/** What the topology output says of a deployed stack. */
export function deployedOf(topology: Topology): Deployed {
  const [machine] = topology.machines;
  const [cluster] = topology.clusters;
  const [bucket, second] = topology.buckets;
  if (!machine || !cluster || !bucket)
    throw new Error(`the stack ${topology.stack} says of itself that it is empty`);
  return {
    stack: topology.stack,
    phase: topology.phase,
    location: machine.location,
    serverType: machine.serverType,
    volumeGb: Math.max(...topology.machines.flatMap((each) => each.volumes.map((volume) => volume.sizeGb))),
    database: cluster.databases[0] ?? "",
    postgresVersion: cluster.postgresVersion,
    bucket: { endpoint: bucket.endpoint, name: bucket.name },
    ...(second ? { secondBucket: { endpoint: second.endpoint, name: second.name } } : {}),
  };
}

/** What a deployed stack would look like if it had just been made from these settings. */
export function deployedFrom(config: Config, stack: string): Deployed {
  const { secondRepository } = config.backup;
  return {
    stack,
    phase: config.phase,
    location: config.location,
    serverType: config.server.type,
    volumeGb: config.volume.sizeGb,
    database: config.database.name,
    postgresVersion: config.database.postgresVersion,
    bucket: placeOf(config.objectStorage),
    ...(secondRepository ? { secondBucket: placeOf(secondRepository) } : {}),
  };
}

/**
 * Why `up` cannot bring a deployed stack to new settings: what would lose data, or is the work of another command.
 * All reasons at once; none means that `up` may go on.
 */
export function changeFaults(deployed: Deployed, config: Config): Fault[] {
  const underWay = promotionUnderWay(deployed) ?? scalingUnderWay(deployed);
  if (underWay) return [underWay];
  return [
    phaseChange(deployed, config),
    smallerVolume(deployed, config),
    otherLocation(deployed, config),
    otherProcessor(deployed, config),
    otherDatabase(deployed, config),
    otherVersion(deployed, config),
    otherBucket(deployed, config),
  ].filter((fault) => fault !== null);
}

/** The same for a program's own stack: the address of an embedded object storage follows its cloud, it is no setting. */
export function refusals(deployed: Deployed, config: Config, embedded: boolean): Fault[] {
  if (!embedded) return changeFaults(deployed, config);
  const { endpoint } = deployed.bucket;
  return changeFaults(deployed, { ...config, objectStorage: { ...config.objectStorage, endpoint } });
}

function promotionUnderWay({ stack, transition }: Deployed): Fault | null {
  if (!transition) return null;
  const { from, to } = transition;
  return {
    path: "phasewise:phase",
    found: `a promotion from phase ${from} to phase ${to} that has not ended`,
    allowed: "that promotion alone, until it has ended or is taken back",
    fix: `run npx phasewise promote ${stack} --resume, or npx phasewise promote ${stack} --abort`,
  };
}

function scalingUnderWay({ scaling, stack }: Deployed): Fault | null {
  if (!scaling) return null;
  return {
    path: "the stack's size",
    found: "a scaling that has not ended",
    allowed: "that scaling alone, until it has ended",
    fix: `run npx phasewise scale ${stack} --resume`,
  };
}

function phaseChange({ phase, stack }: Deployed, config: Config): Fault | null {
  if (config.phase === phase) return null;
  const wanted: number = config.phase;
  return {
    path: "phasewise:phase",
    found: `${wanted} (${phaseNames[config.phase]})`,
    allowed: `${phase}, the phase that is deployed`,
    fix: `set it back to ${phase} and run npx phasewise promote ${stack} --to ${wanted}, which changes the file when it is done`,
  };
}

function smallerVolume({ volumeGb }: Deployed, config: Config): Fault | null {
  if (config.volume.sizeGb >= volumeGb) return null;
  return {
    path: "phasewise:volume.sizeGb",
    found: describe(config.volume.sizeGb),
    allowed: `${volumeGb} (GB), the size that is deployed, or more: volumes only grow`,
    fix: `set it to ${volumeGb} or more; for a smaller one, restore a backup into a new stack`,
  };
}

function otherLocation({ location }: Deployed, config: Config): Fault | null {
  if (config.location === location) return null;
  return {
    path: "phasewise:location",
    found: describe(config.location),
    allowed: `${location}, where the stack is: its volume and its address cannot leave`,
    fix: `set it back to ${location}; to move, make a new stack there and restore a backup into it`,
  };
}

function otherProcessor({ serverType }: Deployed, config: Config): Fault | null {
  const before = findServerType(serverType)?.architecture;
  const after = findServerType(config.server.type)?.architecture;
  if (before === undefined || before === after) return null;
  return {
    path: "phasewise:server.type",
    found: `"${config.server.type}" (${after})`,
    allowed: `types with the processor of ${serverType} (${before}): a machine cannot change it`,
    fix: `take another ${before} type; to change, make a new stack and restore a backup into it`,
  };
}

function otherDatabase({ database }: Deployed, config: Config): Fault | null {
  if (config.database.name === database) return null;
  return {
    path: "phasewise:database.name",
    found: describe(config.database.name),
    allowed: `${database}, the database that is deployed: its roles and clients are named after it`,
    fix: `set it back to ${database}; for another name, make a new stack and move the data`,
  };
}

function otherVersion({ postgresVersion }: Deployed, config: Config): Fault | null {
  if (config.database.postgresVersion === postgresVersion) return null;
  return {
    path: "phasewise:database.postgresVersion",
    found: describe(config.database.postgresVersion),
    allowed: `${postgresVersion}, the version that is deployed: another one needs its data moved`,
    fix: `set it back to ${postgresVersion}; to upgrade, make a new stack and move the data`,
  };
}

function placeOf({ bucket, endpoint }: ObjectStorage): { endpoint: string; name: string } {
  return { endpoint, name: bucket };
}

/** One that is lost makes room for a new one where everything is in a second repository, and that stays. */
function otherBucket({ bucket, secondBucket }: Deployed, config: Config): Fault | null {
  const { bucket: name, endpoint } = config.objectStorage;
  if (name === bucket.name && endpoint === bucket.endpoint) return null;
  const second = config.backup.secondRepository;
  if (second && isDeepStrictEqual(placeOf(second), secondBucket)) return null;
  const part = name === bucket.name ? "endpoint" : "bucket";
  const [found, before] = part === "bucket" ? [name, bucket.name] : [endpoint, bucket.endpoint];
  return {
    path: `phasewise:objectStorage.${part}`,
    found: describe(found),
    allowed: `${before}, where the backups are: they would be left behind, and no point before today could be restored`,
    fix: `set it back to ${before}; to change it, make a new stack and restore a backup into it`,
  };
}
