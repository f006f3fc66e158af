import type {
  FirewallRule,
  Hypervisor,
  NetworkAttachmentSpec,
  NetworkSpec,
  PublicRange,
  ServerSpec,
  VolumeSpec,
  World,
} from "../../../../cloud/hypervisor.ts";

interface Machine {
  spec: ServerSpec;
  running: boolean;
  networks: Map<number, NetworkAttachmentSpec>;
  firewall: FirewallRule[] | null;
}

/** Machines, volumes and networks as plain records, with the faults and delays that a test asks for. */
export class FakeHypervisor implements Hypervisor {
  readonly machines = new Map<number, Machine>();
  readonly volumes = new Map<number, VolumeSpec>();
  readonly networks = new Map<number, NetworkSpec>();
  readonly calls: string[] = [];
  /** Method names that fail, with their message. */
  readonly faults = new Map<string, string>();
  /** Milliseconds that every call takes. */
  delay = 0;
  /** Milliseconds that calls to one method take instead. */
  readonly delays = new Map<string, number>();
  /** Calls to these wait until the promise resolves. */
  readonly gates = new Map<string, Promise<void>>();
  publicRange: PublicRange = {
    ipv4: { first: "198.18.0.2", last: "198.18.0.254" },
    ipv6: "2001:2:0:100::/56",
    gateway: "198.18.0.1",
  };

  async #call(name: string, id: number): Promise<void> {
    this.calls.push(`${name} ${id}`);
    await this.gates.get(name);
    const delay = this.delays.get(name) ?? this.delay;
    if (delay > 0) await new Promise((resolve) => setTimeout(resolve, delay));
    const fault = this.faults.get(name);
    if (fault) throw new Error(fault);
  }

  #machine(id: number): Machine {
    const machine = this.machines.get(id);
    if (!machine) throw new Error(`there is no machine ${id}`);
    return machine;
  }

  async reconcile(world: World): Promise<void> {
    await this.#call("reconcile", world.servers.length);
    for (const id of [...this.machines.keys()]) {
      if (!world.servers.some((server) => server.id === id)) this.machines.delete(id);
    }
    for (const server of world.servers) if (server.running) await this.powerOn(server);
  }

  async createServer(spec: ServerSpec): Promise<void> {
    await this.#call("createServer", spec.id);
    this.machines.set(spec.id, { spec, running: false, networks: new Map(), firewall: spec.firewall });
  }

  async powerOn(spec: ServerSpec): Promise<void> {
    await this.#call("powerOn", spec.id);
    const machine = this.machines.get(spec.id) ?? {
      spec,
      running: false,
      networks: new Map(),
      firewall: spec.firewall,
    };
    machine.spec = spec;
    machine.running = true;
    machine.firewall = spec.firewall;
    machine.networks = new Map(spec.networks.map((net) => [net.networkId, net]));
    this.machines.set(spec.id, machine);
  }

  async powerOff(id: number): Promise<void> {
    await this.#call("powerOff", id);
    const machine = this.machines.get(id);
    if (machine) machine.running = false;
  }

  async shutdown(id: number): Promise<void> {
    await this.#call("shutdown", id);
    this.#machine(id).running = false;
  }

  async reboot(spec: ServerSpec): Promise<void> {
    await this.#call("reboot", spec.id);
  }

  async isRunning(id: number): Promise<boolean> {
    return this.machines.get(id)?.running ?? false;
  }

  async rebuild(spec: ServerSpec): Promise<void> {
    await this.#call("rebuild", spec.id);
    Object.assign(this.#machine(spec.id), { spec, running: true });
  }

  async setLimits(spec: ServerSpec): Promise<void> {
    await this.#call("setLimits", spec.id);
    this.#machine(spec.id).spec = spec;
  }

  async deleteServer(id: number): Promise<void> {
    await this.#call("deleteServer", id);
    this.machines.delete(id);
  }

  async setPublicAddresses(spec: ServerSpec): Promise<void> {
    await this.#call("setPublicAddresses", spec.id);
    this.#machine(spec.id).spec = spec;
  }

  async createVolume(volume: VolumeSpec): Promise<void> {
    await this.#call("createVolume", volume.id);
    this.volumes.set(volume.id, volume);
  }

  async attachVolume(volume: VolumeSpec, serverId: number): Promise<void> {
    await this.#call("attachVolume", volume.id);
    this.volumes.set(volume.id, { ...volume, serverId });
  }

  async detachVolume(volumeId: number): Promise<void> {
    await this.#call("detachVolume", volumeId);
    const volume = this.volumes.get(volumeId);
    if (volume) this.volumes.set(volumeId, { ...volume, serverId: null });
  }

  async resizeVolume(volume: VolumeSpec): Promise<void> {
    await this.#call("resizeVolume", volume.id);
    this.volumes.set(volume.id, volume);
  }

  async deleteVolume(volumeId: number): Promise<void> {
    await this.#call("deleteVolume", volumeId);
    this.volumes.delete(volumeId);
  }

  async ensureNetwork(network: NetworkSpec): Promise<void> {
    await this.#call("ensureNetwork", network.id);
    this.networks.set(network.id, network);
  }

  async deleteNetwork(id: number): Promise<void> {
    await this.#call("deleteNetwork", id);
    this.networks.delete(id);
  }

  async attachNetwork(serverId: number, attachment: NetworkAttachmentSpec): Promise<void> {
    await this.#call("attachNetwork", serverId);
    this.#machine(serverId).networks.set(attachment.networkId, attachment);
  }

  async detachNetwork(serverId: number, networkId: number): Promise<void> {
    await this.#call("detachNetwork", serverId);
    this.#machine(serverId).networks.delete(networkId);
  }

  async setFirewall(serverId: number, rules: FirewallRule[] | null): Promise<void> {
    await this.#call("setFirewall", serverId);
    const machine = this.machines.get(serverId);
    if (machine) machine.firewall = rules;
  }

  async close(): Promise<void> {}
}
