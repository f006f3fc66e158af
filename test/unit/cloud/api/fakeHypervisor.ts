import type {
  FirewallRule,
  Hypervisor,
  LoadBalancerSpec,
  NetworkAttachmentSpec,
  NetworkSpec,
  PublicRange,
  ServerSpec,
  TargetHealth,
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
  readonly balancers = new Map<number, LoadBalancerSpec>();
  /** Addresses that answer no health check. */
  readonly unhealthy = new Set<string>();
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

  #dying: "before" | "after" | null = null;
  readonly #death = Promise.withResolvers<void>();
  /** Resolves when the process that called has died. */
  readonly dead: Promise<void> = this.#death.promise;

  /** The next call never returns: its process dies before or after what the call does. */
  dieIn(moment: "before" | "after"): void {
    this.#dying = moment;
  }

  /** The same world in the hands of another process. */
  survivor(): FakeHypervisor {
    const next = new FakeHypervisor();
    for (const [id, machine] of this.machines) next.machines.set(id, machine);
    for (const [id, volume] of this.volumes) next.volumes.set(id, volume);
    for (const [id, network] of this.networks) next.networks.set(id, network);
    for (const [id, balancer] of this.balancers) next.balancers.set(id, balancer);
    return next;
  }

  async #die(): Promise<never> {
    this.#death.resolve();
    return new Promise<never>(() => {});
  }

  async #call(name: string, id: number, effect: () => void = () => {}): Promise<void> {
    this.calls.push(`${name} ${id}`);
    await this.gates.get(name);
    const delay = this.delays.get(name) ?? this.delay;
    if (delay > 0) await new Promise((resolve) => setTimeout(resolve, delay));
    const fault = this.faults.get(name);
    if (fault) throw new Error(fault);
    if (this.#dying === "before") await this.#die();
    effect();
    if (this.#dying === "after") await this.#die();
  }

  #existing(id: number): Machine {
    const machine = this.machines.get(id);
    if (!machine) throw new Error(`there is no machine ${id}`);
    return machine;
  }

  /** The machine, made where there is none, as the spec says. */
  #machine(spec: ServerSpec): Machine {
    const networks = new Map(spec.networks.map((net) => [net.networkId, net]));
    const machine = this.machines.get(spec.id) ?? { spec, running: false, networks, firewall: spec.firewall };
    machine.spec = spec;
    this.machines.set(spec.id, machine);
    return machine;
  }

  async reconcile(world: World): Promise<void> {
    await this.#call("reconcile", world.servers.length);
    const strays = <T>(found: Map<number, T>, wanted: { id: number }[]) => {
      for (const id of [...found.keys()]) if (!wanted.some((one) => one.id === id)) found.delete(id);
    };
    strays(this.machines, world.servers);
    strays(this.volumes, world.volumes);
    strays(this.networks, world.networks);
    strays(this.balancers, world.loadBalancers);
    for (const balancer of world.loadBalancers) this.balancers.set(balancer.id, balancer);
    for (const network of world.networks) this.networks.set(network.id, network);
    for (const volume of world.volumes) this.volumes.set(volume.id, volume);
    for (const server of world.servers) {
      if (server.running) await this.powerOn(server);
      else this.#machine(server).running = false;
    }
  }

  createServer(spec: ServerSpec): Promise<void> {
    return this.#call("createServer", spec.id, () => {
      this.#machine(spec);
      for (const volume of spec.volumes) this.volumes.set(volume.id, volume);
    });
  }

  powerOn(spec: ServerSpec): Promise<void> {
    return this.#call("powerOn", spec.id, () => {
      const machine = this.#machine(spec);
      machine.running = true;
      machine.firewall = spec.firewall;
      machine.networks = new Map(spec.networks.map((net) => [net.networkId, net]));
      for (const volume of spec.volumes) this.volumes.set(volume.id, volume);
    });
  }

  powerOff(id: number): Promise<void> {
    return this.#call("powerOff", id, () => {
      const machine = this.machines.get(id);
      if (machine) machine.running = false;
    });
  }

  shutdown(id: number): Promise<void> {
    return this.#call("shutdown", id, () => {
      this.#existing(id).running = false;
    });
  }

  reboot(spec: ServerSpec): Promise<void> {
    return this.#call("reboot", spec.id);
  }

  async isRunning(id: number): Promise<boolean> {
    return this.machines.get(id)?.running ?? false;
  }

  rebuild(spec: ServerSpec): Promise<void> {
    return this.#call("rebuild", spec.id, () => {
      this.#machine(spec).running = true;
    });
  }

  setLimits(spec: ServerSpec): Promise<void> {
    return this.#call("setLimits", spec.id, () => void this.#machine(spec));
  }

  deleteServer(id: number): Promise<void> {
    return this.#call("deleteServer", id, () => void this.machines.delete(id));
  }

  setPublicAddresses(spec: ServerSpec): Promise<void> {
    return this.#call("setPublicAddresses", spec.id, () => void this.#machine(spec));
  }

  createVolume(volume: VolumeSpec): Promise<void> {
    return this.#call("createVolume", volume.id, () => void this.volumes.set(volume.id, volume));
  }

  attachVolume(volume: VolumeSpec, serverId: number): Promise<void> {
    return this.#call(
      "attachVolume",
      volume.id,
      () => void this.volumes.set(volume.id, { ...volume, serverId }),
    );
  }

  detachVolume(volumeId: number): Promise<void> {
    return this.#call("detachVolume", volumeId, () => {
      const volume = this.volumes.get(volumeId);
      if (volume) this.volumes.set(volumeId, { ...volume, serverId: null });
    });
  }

  resizeVolume(volume: VolumeSpec): Promise<void> {
    return this.#call("resizeVolume", volume.id, () => void this.volumes.set(volume.id, volume));
  }

  deleteVolume(volumeId: number): Promise<void> {
    return this.#call("deleteVolume", volumeId, () => void this.volumes.delete(volumeId));
  }

  ensureNetwork(network: NetworkSpec): Promise<void> {
    return this.#call("ensureNetwork", network.id, () => void this.networks.set(network.id, network));
  }

  deleteNetwork(id: number): Promise<void> {
    return this.#call("deleteNetwork", id, () => void this.networks.delete(id));
  }

  attachNetwork(serverId: number, attachment: NetworkAttachmentSpec): Promise<void> {
    return this.#call("attachNetwork", serverId, () => {
      this.#existing(serverId).networks.set(attachment.networkId, attachment);
    });
  }

  detachNetwork(serverId: number, networkId: number): Promise<void> {
    return this.#call(
      "detachNetwork",
      serverId,
      () => void this.#existing(serverId).networks.delete(networkId),
    );
  }

  setFirewall(serverId: number, rules: FirewallRule[] | null): Promise<void> {
    return this.#call("setFirewall", serverId, () => {
      const machine = this.machines.get(serverId);
      if (machine) machine.firewall = rules;
    });
  }

  ensureLoadBalancer(balancer: LoadBalancerSpec): Promise<void> {
    return this.#call(
      "ensureLoadBalancer",
      balancer.id,
      () => void this.balancers.set(balancer.id, balancer),
    );
  }

  deleteLoadBalancer(id: number): Promise<void> {
    return this.#call("deleteLoadBalancer", id, () => void this.balancers.delete(id));
  }

  async loadBalancerHealth(id: number): Promise<TargetHealth[] | null> {
    const balancer = this.balancers.get(id);
    if (!balancer) return null;
    return balancer.services.flatMap(({ listenPort }) =>
      balancer.targets.map((address): TargetHealth => {
        const seen = { listenPort, address, httpStatusCode: null };
        return this.unhealthy.has(address)
          ? { ...seen, status: "unhealthy", detail: "layer4_timeout" }
          : { ...seen, status: "healthy", detail: null };
      }),
    );
  }

  async close(): Promise<void> {}
}
