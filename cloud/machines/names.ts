import { join } from "node:path";

/**
 * Which embedded cloud: where it keeps its things, and its slot, the number that tells it from other clouds of
 * the same machine. Every name of a thing outside the folder is derived from the slot and an id of the API, so
 * that what a killed process left is always found.
 */
export interface Place {
  /** Absolute. */
  directory: string;
  /** 0 to 511. */
  slot: number;
}

export function hostInterface(slot: number): string {
  return `pw${slot}`;
}

/** The router between the public addresses of a cloud's machines and the host. */
export function routerNamespace(slot: number): string {
  return `phasewise-${slot}`;
}

export function networkNamespace(slot: number, id: number): string {
  return `phasewise-${slot}-network-${id}`;
}

export function serverNamespace(slot: number, id: number): string {
  return `phasewise-${slot}-server-${id}`;
}

/** A load balancer's own network. */
export function balancerNamespace(slot: number, id: number): string {
  return `phasewise-${slot}-balancer-${id}`;
}

/** The router's end of the cable of a machine or a load balancer, in the router or in a private network. */
export function cable(id: number): string {
  return `s${id}`;
}

/** Folder with the device nodes of a machine's volumes. Below /dev, where devices may always be opened. */
export function deviceFolder(slot: number, serverId: number): string {
  return `${deviceFolderOfSlot(slot)}/${serverId}`;
}

export function deviceFolderOfSlot(slot: number): string {
  return `/dev/phasewise/${slot}`;
}

/** Control group of everything that a cloud runs, relative to a hierarchy's root. */
export function slotGroup(slot: number): string {
  return `phasewise/${slot}`;
}

export function serverGroup(slot: number, id: number): string {
  return `${slotGroup(slot)}/server-${id}`;
}

export function balancerGroup(slot: number, id: number): string {
  return `${slotGroup(slot)}/balancer-${id}`;
}

/** What runs of a cloud has its sockets here: a path below the cloud's folder may be too long for one. */
export function runtimeFolder(slot: number): string {
  return `/run/phasewise/${slot}`;
}

/** Configuration and sockets of a load balancer; all of it can be made again. */
export function balancerFolder(slot: number, id: number): string {
  return `${runtimeFolder(slot)}/balancer-${id}`;
}

export function packagesGroup(slot: number): string {
  return `${slotGroup(slot)}/packages`;
}

export interface ServerPaths {
  folder: string;
  /** Which image the root filesystem lies on. */
  image: string;
  /** What the machine wrote. */
  upper: string;
  work: string;
  /** Where the two are mounted as one. */
  root: string;
  /** The configuration of its interfaces, seen inside under /run/systemd/network. */
  network: string;
  /** What init said at the last start. */
  console: string;
  /** What went wrong before init started. */
  log: string;
  /** Held by whoever runs the machine. */
  lock: string;
}

export function serversFolder(directory: string): string {
  return join(directory, "servers");
}

export function serverPaths(directory: string, id: number): ServerPaths {
  const folder = join(serversFolder(directory), String(id));
  return {
    folder,
    image: join(folder, "image"),
    upper: join(folder, "upper"),
    work: join(folder, "work"),
    root: join(folder, "root"),
    network: join(folder, "network"),
    console: join(folder, "console.txt"),
    log: join(folder, "start.txt"),
    lock: join(folder, "lock"),
  };
}

export function volumesFolder(directory: string): string {
  return join(directory, "volumes");
}

export function volumeFile(directory: string, id: number): string {
  return join(volumesFolder(directory), `${id}.img`);
}

export function packagesFolder(directory: string): string {
  return join(directory, "packages");
}
