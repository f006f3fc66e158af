import type { CacheSpec, ClusterSpec, DataLayerSpec, MachineSpec } from "./spec.ts";

/** Questions about a data layer's description; each throws where the description contradicts itself. */

const GB = 1024 ** 3;

export function memberOf(machine: MachineSpec, layer: DataLayerSpec): ClusterSpec {
  return clusterWhere(layer, (each) => each.members.includes(machine.name), `${machine.name} is no member`);
}

export function gatewayOf(machine: MachineSpec, layer: DataLayerSpec): ClusterSpec {
  return clusterWhere(layer, (each) => each.gateways.includes(machine.name), `${machine.name} is no gateway`);
}

export function cacheOf(machine: MachineSpec, layer: DataLayerSpec): CacheSpec {
  const cache = layer.caches.find((each) => each.machines.includes(machine.name));
  if (!cache) throw new Error(`${machine.name} carries no cache`);
  return cache;
}

/** The caches whose clients come to a machine. */
export function cachesThrough(machine: MachineSpec, layer: DataLayerSpec): CacheSpec[] {
  return layer.caches.filter((cache) => cache.gateways.includes(machine.name));
}

/** Machines with their addresses. */
export function named(names: string[], layer: DataLayerSpec): { name: string; address: string }[] {
  return names.map((name) => ({ name, address: addressOf(name, layer) }));
}

export function clusterNamed(name: string, layer: DataLayerSpec): ClusterSpec {
  return clusterWhere(layer, (each) => each.name === name, `${name} is the name`);
}

function clusterWhere(
  layer: DataLayerSpec,
  is: (each: ClusterSpec) => boolean,
  otherwise: string,
): ClusterSpec {
  const cluster = layer.clusters.find(is);
  if (!cluster) throw new Error(`${otherwise} of any cluster`);
  return cluster;
}

export function addressOf(name: string, layer: DataLayerSpec): string {
  const machine = layer.machines.find((each) => each.name === name);
  if (!machine) throw new Error(`there is no machine ${name}`);
  return machine.privateAddress;
}

export function addressesOf(names: string[], layer: DataLayerSpec): string[] {
  return names.map((name) => addressOf(name, layer));
}

export function storageBytes(machine: MachineSpec): number {
  return Math.max(0, ...machine.volumes.map((volume) => volume.sizeGb)) * GB;
}
