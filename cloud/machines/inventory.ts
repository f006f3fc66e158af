import { readdir } from "node:fs/promises";
import { namespacesWith } from "../networks/namespaces.ts";
import { storedVolumes } from "../volumes/volumes.ts";
import { childGroups } from "./groups.ts";
import {
  balancerNamespace,
  deviceFolderOfSlot,
  networkNamespace,
  type Place,
  runtimeFolder,
  serverNamespace,
  serversFolder,
  slotGroup,
} from "./names.ts";

/** Ids of all that a cloud has on this host, whole or half-made, whatever its store knows. */
export interface Inventory {
  servers: number[];
  volumes: number[];
  networks: number[];
  balancers: number[];
}

export async function takeInventory(place: Place): Promise<Inventory> {
  const serverNamespaces = serverNamespace(place.slot, 0).slice(0, -1);
  const networkNamespaces = networkNamespace(place.slot, 0).slice(0, -1);
  const balancerNamespaces = balancerNamespace(place.slot, 0).slice(0, -1);
  const groups = await childGroups(slotGroup(place.slot));
  const servers = [
    ...(await entries(serversFolder(place.directory))),
    ...(await entries(deviceFolderOfSlot(place.slot))),
    ...groups.map((name) => name.replace(/^server-/, "")),
    ...(await namespacesWith(serverNamespaces)).map((name) => name.slice(serverNamespaces.length)),
  ];
  const networks = (await namespacesWith(networkNamespaces)).map((name) =>
    name.slice(networkNamespaces.length),
  );
  const balancers = [
    ...[...groups, ...(await entries(runtimeFolder(place.slot)))].map((name) =>
      name.replace(/^balancer-/, ""),
    ),
    ...(await namespacesWith(balancerNamespaces)).map((name) => name.slice(balancerNamespaces.length)),
  ];
  return {
    servers: ids(servers),
    volumes: await storedVolumes(place),
    networks: ids(networks),
    balancers: ids(balancers),
  };
}

function ids(names: string[]): number[] {
  return [...new Set(names.filter((name) => /^\d+$/.test(name)).map(Number))];
}

async function entries(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
