import { serverTypes } from "../catalogue/serverTypes.ts";
import type { NetworkSpec, ServerSpec, VolumeSpec, World } from "../hypervisor.ts";
import { ipv6Host } from "./addresses.ts";
import type { CloudStore } from "./engine.ts";
import { effectiveRules } from "./firewalls.ts";
import { loadBalancerSpec } from "./loadBalancers.ts";
import type { Network, Server, Volume } from "./model.ts";

const gibibyte = 2 ** 30;

export function volumeSpec(volume: Volume): VolumeSpec {
  return {
    id: volume.id,
    name: volume.name,
    sizeGb: volume.sizeGb,
    format: volume.format,
    serverId: volume.server,
  };
}

export function networkSpec(network: Network): NetworkSpec {
  return {
    id: network.id,
    name: network.name,
    ipRange: network.ipRange,
    subnets: network.subnets.map(({ ipRange, gateway }) => ({ ipRange, gateway })),
    routes: network.routes.map(({ destination, gateway }) => ({ destination, gateway })),
  };
}

/** A server as the store says that it should be. */
export function serverSpec(store: CloudStore, server: Server): ServerSpec {
  const type = serverTypes.find((candidate) => candidate.name === server.type);
  if (!type) throw new Error(`server ${server.id} has the unknown type ${server.type}`);
  const addresses = store.all("primary_ip").filter((address) => address.assignee === server.id);
  const ipv6 = addresses.find((address) => address.type === "ipv6");
  return {
    id: server.id,
    name: server.name,
    image: server.image,
    userData: server.userData,
    sshKeys: [...server.sshKeys],
    rootPasswordHash: server.rootPasswordHash,
    cores: type.cores,
    memoryBytes: type.memory * gibibyte,
    diskBytes: server.diskGb * gibibyte,
    running: server.powered,
    ipv4: addresses.find((address) => address.type === "ipv4")?.ip ?? null,
    ipv6: ipv6 ? ipv6Host(ipv6.ip) : null,
    macAddress: server.macAddress,
    location: server.location,
    networks: server.privateNet.map((net) => ({
      networkId: net.network,
      ip: net.ip,
      aliasIps: [...net.aliasIps],
      macAddress: net.macAddress,
    })),
    volumes: store
      .all("volume")
      .filter((volume) => volume.server === server.id)
      .map(volumeSpec),
    firewall: effectiveRules(store.all("firewall"), server),
  };
}

/** Everything that should exist, for `Hypervisor.reconcile`. */
export function world(store: CloudStore): World {
  return {
    servers: store.all("server").map((server) => serverSpec(store, server)),
    volumes: store.all("volume").map(volumeSpec),
    networks: store.all("network").map(networkSpec),
    loadBalancers: store.all("load_balancer").map((balancer) => loadBalancerSpec(store, balancer)),
  };
}
