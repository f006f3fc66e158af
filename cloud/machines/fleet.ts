import { rm } from "node:fs/promises";
import { applyFirewalls } from "../firewall/apply.ts";
import type {
  FirewallRule,
  NetworkAttachmentSpec,
  NetworkSpec,
  ServerSpec,
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

  /** All machines' rules at once; calls at the same time come one after the other. */
  applyFirewalls(): Promise<void> {
    const apply = () => {
      const { gateway } = publicRangeOf(this.place.slot);
      const guarded = [...this.servers.values()].map(({ id, ipv4, ipv6, firewall }) => {
        return { serverId: id, ipv4, ipv6, rules: firewall };
      });
      return applyFirewalls(this.place.slot, guarded, {
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
    return [...this.servers.values()].flatMap(({ id, networks }) =>
      networks
        .filter((attachment) => attachment.networkId === networkId)
        .map((attachment) => ({ serverId: id, attachment })),
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
