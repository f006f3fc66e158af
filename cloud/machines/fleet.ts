import { rm } from "node:fs/promises";
import { isDeepStrictEqual } from "node:util";
import { connectBalancer, removeBalancer } from "../balancers/balancer.ts";
import { admit, failureReasons, runBalancer, targetStates } from "../balancers/process.ts";
import { isChecked, key, mayBegin, toHealth } from "../balancers/targets.ts";
import { applyFirewalls } from "../firewall/apply.ts";
import type {
  FirewallRule,
  LoadBalancerSpec,
  NetworkAttachmentSpec,
  NetworkSpec,
  ServerSpec,
  TargetHealth,
  VolumeSpec,
} from "../hypervisor.ts";
import { deleteNetwork, ensureNetwork, type Member } from "../networks/privateNetwork.ts";
import { publicRangeOf } from "../networks/slots.ts";
import { packagesPort } from "../packages/config.ts";
import { loopDeviceOf } from "../volumes/loop.ts";
import { unplugDisk } from "../volumes/unplug.ts";
import { attachVolume, holdersOf, releaseDisk, removeNodes, volumesOf } from "../volumes/volumes.ts";
import { setLimits } from "./groups.ts";
import { leaderOf } from "./leader.ts";
import { deviceFolder, type Place, serverGroup, volumeFile } from "./names.ts";
import { reloadInterfaces } from "./networkd.ts";
import { connect, isRunning, prepare, start, stop } from "./power.ts";
import { createRoot, deleteRoot } from "./rootfs.ts";

/** The port of the object storage, which machines reach beside the packages. */
export const objectStoragePort = 9000;

/** A load balancer as it was last declared. */
interface Balancer {
  spec: LoadBalancerSpec;
  /** Whether all of it was brought there. */
  done: boolean;
  /** Targets that wait for their first check. */
  fresh: Set<string>;
}

const connections = ({ ipv4, ipv6, network }: LoadBalancerSpec) => [ipv4, ipv6, network];

export interface FleetOptions {
  place: Place;
  /** The image's root. */
  image: string;
  onProgress: (line: string) => void;
}

/**
 * The machines of a cloud with what they are connected to, as they were last declared. Each method brings reality
 * there and may be repeated. Calls about the same machine must come one after the other.
 */
export class Fleet {
  readonly servers = new Map<number, ServerSpec>();
  readonly networks = new Map<number, NetworkSpec>();
  readonly #balancers = new Map<number, Balancer>();
  readonly #options: FleetOptions;
  #saidUnlimited = false;
  #firewalls: Promise<void> = Promise.resolve();
  #routes: Promise<void> = Promise.resolve();

  constructor(options: FleetOptions) {
    this.#options = options;
  }

  get place(): Place {
    return this.#options.place;
  }

  async create(server: ServerSpec): Promise<void> {
    this.servers.set(server.id, server);
    await createRoot(this.place, server, this.#options.image);
  }

  async powerOn(server: ServerSpec): Promise<void> {
    await this.create(server);
    if (await isRunning(this.place, server.id)) return this.#adopt(server);
    await prepare(this.place, server, this.networks);
    await this.#limit(server);
    await this.#route(server.networks.map(({ networkId }) => networkId));
    await this.applyFirewalls();
    await start(this.place, server.id);
  }

  /** Brings a machine that runs to what is declared. */
  async #adopt(server: ServerSpec): Promise<void> {
    await this.setLimits(server);
    const declared = server.volumes.map(({ id }) => id);
    const present = await volumesOf(this.place.slot, server.id);
    for (const id of present.filter((id) => !declared.includes(id))) await this.detachVolume(id);
    for (const id of declared) await attachVolume(this.place, id, server.id);
    await this.setPublicAddresses(server);
  }

  async powerOff(id: number): Promise<void> {
    const networks = [...this.networks.keys()];
    await stop(this.place, id, networks);
    await this.#route(networks);
  }

  async delete(id: number): Promise<void> {
    await this.powerOff(id);
    this.servers.delete(id);
    for (const volume of await volumesOf(this.place.slot, id)) await this.detachVolume(volume);
    await rm(deviceFolder(this.place.slot, id), { recursive: true, force: true });
    await deleteRoot(this.place, id);
    await this.applyFirewalls();
  }

  async rebuild(server: ServerSpec): Promise<void> {
    await this.powerOff(server.id);
    await deleteRoot(this.place, server.id);
    await this.powerOn(server);
  }

  async setLimits(server: ServerSpec): Promise<void> {
    this.#remember(server.id, server);
    if (await isRunning(this.place, server.id)) await this.#limit(server);
  }

  async #limit(server: ServerSpec): Promise<void> {
    const impossible = await setLimits(serverGroup(this.place.slot, server.id), server);
    if (impossible.length === 0 || this.#saidUnlimited) return;
    this.#saidUnlimited = true;
    const files = impossible.join(", ");
    this.#options.onProgress(`Machines are not limited in all that they use: this host has no ${files}`);
  }

  /** Connects a running machine to what it is declared to be connected to. */
  async setPublicAddresses(server: ServerSpec): Promise<void> {
    this.#remember(server.id, server);
    if (await isRunning(this.place, server.id)) {
      const changed = await connect(this.place, server, this.networks);
      // First: networkd is told of a cable only when it has a carrier, so that it configures it at once.
      await this.#route(server.networks.map(({ networkId }) => networkId));
      if (changed) await reloadInterfaces(this.place, server.id);
    }
    await this.applyFirewalls();
  }

  async attachVolume(volume: VolumeSpec, serverId: number): Promise<void> {
    const server = this.#server(serverId);
    const others = server.volumes.filter(({ id }) => id !== volume.id);
    this.#remember(serverId, { volumes: [...others, volume] });
    await attachVolume(this.place, volume.id, serverId);
  }

  async detachVolume(volumeId: number): Promise<void> {
    const device = await loopDeviceOf(volumeFile(this.place.directory, volumeId));
    let cutOff = false;
    for (const serverId of await holdersOf(this.place.slot, volumeId)) {
      const leader = await leaderOf(this.place, serverId);
      if (leader !== null && device && (await unplugDisk(leader, device.numbers))) cutOff = true;
    }
    await removeNodes(this.place.slot, volumeId);
    for (const { id, volumes } of this.servers.values()) {
      if (volumes.some((volume) => volume.id === volumeId)) {
        this.#remember(id, { volumes: volumes.filter((volume) => volume.id !== volumeId) });
      }
    }
    await releaseDisk(this.place, volumeId, cutOff);
  }

  async ensureNetwork(network: NetworkSpec): Promise<void> {
    this.networks.set(network.id, network);
    await this.#route([network.id]);
  }

  async deleteNetwork(id: number): Promise<void> {
    this.networks.delete(id);
    await deleteNetwork(this.place.slot, id);
  }

  async attachNetwork(serverId: number, attachment: NetworkAttachmentSpec): Promise<void> {
    const server = this.#server(serverId);
    const others = server.networks.filter(({ networkId }) => networkId !== attachment.networkId);
    this.#remember(serverId, { networks: [...others, attachment] });
    await this.setPublicAddresses(this.#server(serverId));
  }

  async detachNetwork(serverId: number, networkId: number): Promise<void> {
    const server = this.servers.get(serverId);
    if (server) {
      this.#remember(serverId, {
        networks: server.networks.filter((other) => other.networkId !== networkId),
      });
      if (this.networks.has(networkId)) await this.#route([networkId]);
      await this.setPublicAddresses(this.#server(serverId));
    }
  }

  async setFirewall(serverId: number, rules: FirewallRule[] | null): Promise<void> {
    this.#server(serverId);
    this.#remember(serverId, { firewall: rules });
    await this.applyFirewalls();
  }

  /** Brings a load balancer to what the spec says. Cheap where nothing is to be done. */
  async ensureLoadBalancer(spec: LoadBalancerSpec): Promise<void> {
    const before = this.#balancers.get(spec.id);
    const runs = before?.done === true && (await targetStates(this.place, spec.id)) !== null;
    if (runs && isDeepStrictEqual(before.spec, spec)) return;
    const balancer = { spec, done: false, fresh: new Set(before?.fresh) };
    this.#balancers.set(spec.id, balancer);
    if (!runs || !isDeepStrictEqual(connections(before.spec), connections(spec))) {
      await connectBalancer(this.place, spec, this.networks);
      await this.#route([...this.networks.keys()]);
      await this.applyFirewalls();
    }
    for (const target of await runBalancer(this.place, spec)) balancer.fresh.add(target);
    balancer.done = true;
  }

  async deleteLoadBalancer(id: number): Promise<void> {
    this.#balancers.delete(id);
    await removeBalancer(this.place, id, [...this.networks.keys()]);
    await this.applyFirewalls();
  }

  /** @returns null where the load balancer does not run. */
  async loadBalancerHealth(id: number): Promise<TargetHealth[] | null> {
    const balancer = this.#balancers.get(id);
    const states = await targetStates(this.place, id);
    if (!balancer || states === null) return null;
    for (const state of states) {
      const target = key(state);
      if (!balancer.fresh.has(target) || !isChecked(state)) continue;
      balancer.fresh.delete(target);
      if (!mayBegin(state)) continue;
      await admit(this.place, id, target);
      state.operational = 2;
    }
    const ill = states.some((state) => isChecked(state) && state.operational === 0);
    const reasons = ill ? await failureReasons(this.place, id) : undefined;
    return states.map((state) => toHealth(state, reasons));
  }

  /** All machines' rules at once; calls at the same time come one after the other. */
  applyFirewalls(): Promise<void> {
    const apply = () => {
      const { gateway } = publicRangeOf(this.place.slot);
      const machines = [...this.servers.values()].map(({ id, ipv4, ipv6, firewall }) => {
        return { id, ipv4, ipv6, rules: firewall };
      });
      // Hetzner has no firewalls for load balancers.
      const balancers = [...this.#balancers.values()].map(({ spec: { id, ipv4, ipv6 } }) => {
        return { id, ipv4, ipv6, rules: null };
      });
      return applyFirewalls(this.place.slot, [...machines, ...balancers], {
        gateway,
        tcpPorts: [packagesPort, objectStoragePort],
      });
    };
    const result = this.#firewalls.then(apply, apply);
    this.#firewalls = result.catch(() => {});
    return result;
  }

  /** Brings networks' routes to where their machines are. */
  #route(networkIds: number[]): Promise<void> {
    const route = async () => {
      for (const id of networkIds) {
        const network = this.networks.get(id);
        if (network) await ensureNetwork(this.place.slot, network, this.#members(id));
      }
    };
    const result = this.#routes.then(route, route);
    this.#routes = result.catch(() => {});
    return result;
  }

  #members(networkId: number): Member[] {
    const ends = [
      ...this.servers.values(),
      ...[...this.#balancers.values()].map(({ spec: { id, network } }) => {
        return { id, networks: network ? [network] : [] };
      }),
    ];
    return ends.flatMap(({ id, networks }) =>
      networks
        .filter((attachment) => attachment.networkId === networkId)
        .map((attachment) => ({ id, attachment })),
    );
  }

  #server(id: number): ServerSpec {
    const server = this.servers.get(id);
    if (!server) throw new Error(`There is no server ${id}.`);
    return server;
  }

  #remember(id: number, change: Partial<ServerSpec>): void {
    const server = this.servers.get(id);
    if (server) this.servers.set(id, { ...server, ...change });
  }
}
