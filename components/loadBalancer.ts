import { LoadBalancer as CloudLoadBalancer } from "@pulumi/hcloud/loadBalancer.js";
import { LoadBalancerNetwork } from "@pulumi/hcloud/loadBalancerNetwork.js";
import { LoadBalancerService } from "@pulumi/hcloud/loadBalancerService.js";
import { LoadBalancerTarget } from "@pulumi/hcloud/loadBalancerTarget.js";
import {
  ComponentResource,
  type ComponentResourceOptions,
  type Input,
  type Output,
  type Resource,
} from "@pulumi/pulumi";
import type { Machine } from "./machine.ts";
import { type Names, namesOf, type Placement } from "./naming.ts";
import type { Network } from "./network.ts";

export interface LoadBalancerSpec {
  name: string;
  /** As "lb11". */
  type: string;
  /** In the private network, over which it reaches its machines. */
  privateAddress: string;
  /** Whether it has an address in the internet: no firewall stands in front of that. */
  public: boolean;
  /** Names of the machines that it spreads clients over, one after the other. */
  machines: string[];
  services: LoadBalancerServiceSpec[];
}

export interface LoadBalancerServiceSpec {
  protocol: "tcp" | "http";
  port: number;
  /** On the machines. */
  targetPort: number;
  /** Over HTTP where there is a path, which has to answer with 2xx or 3xx. */
  check: {
    port: number;
    path: string | null;
    intervalSeconds: number;
    timeoutSeconds: number;
    retries: number;
  };
}

export interface LoadBalancerArgs extends LoadBalancerSpec {
  placement: Placement;
  location: string;
  deletionProtection: boolean;
  inside: Network;
  /** Made before it. */
  after: Resource[];
}

/** One address in front of several machines. It is there before them: their certificates carry its addresses. */
export class LoadBalancer extends ComponentResource {
  readonly spec: LoadBalancerSpec;
  readonly loadBalancerId: Output<string>;
  /** Null where it has none. */
  readonly publicAddress: Output<string> | null;
  readonly #network: LoadBalancerNetwork;
  readonly #names: Names;

  constructor(name: string, args: LoadBalancerArgs, options?: ComponentResourceOptions) {
    super("phasewise:hetzner:LoadBalancer", name, {}, options);
    this.spec = args;
    this.#names = namesOf(args.placement, args.name);
    const { labels, logical, physical } = this.#names;
    const kept = { parent: this, protect: args.deletionProtection };
    const balancer = new CloudLoadBalancer(
      logical,
      {
        name: physical,
        loadBalancerType: args.type,
        location: args.location,
        algorithm: { type: "round_robin" },
        deleteProtection: args.deletionProtection,
        labels,
      },
      { ...kept, dependsOn: args.after },
    );
    this.loadBalancerId = balancer.id;
    this.publicAddress = args.public ? balancer.ipv4 : null;
    this.#network = this.join(args);
    for (const service of args.services) this.serve(service);
    this.registerOutputs({ publicAddress: this.publicAddress });
  }

  /** Spreads clients over these machines from now on. */
  aim(machines: Machine[]): void {
    for (const machine of machines.filter(({ spec }) => this.spec.machines.includes(spec.name))) {
      new LoadBalancerTarget(
        `${this.#names.logical}-${machine.spec.name}`,
        {
          type: "server",
          loadBalancerId: this.number,
          serverId: machine.serverId.apply(Number),
          usePrivateIp: true,
        },
        // A target that is known by its private address has to be in the network, and so does the balancer.
        { parent: this, dependsOn: [this.#network, machine.network] },
      );
    }
  }

  private get number(): Input<number> {
    return this.loadBalancerId.apply(Number);
  }

  private join(args: LoadBalancerArgs): LoadBalancerNetwork {
    return new LoadBalancerNetwork(
      `${this.#names.logical}-network`,
      {
        loadBalancerId: this.number,
        networkId: args.inside.id,
        ip: args.privateAddress,
        enablePublicInterface: args.public,
      },
      // Its address is in one of them. And attached again before it is detached, it would end up detached.
      { parent: this, deleteBeforeReplace: true, dependsOn: Object.values(args.inside.subnets) },
    );
  }

  private serve({ protocol, port, targetPort, check }: LoadBalancerServiceSpec): void {
    const { intervalSeconds: interval, timeoutSeconds: timeout, retries, path } = check;
    new LoadBalancerService(
      `${this.#names.logical}-${port}`,
      {
        loadBalancerId: this.loadBalancerId,
        protocol,
        listenPort: port,
        destinationPort: targetPort,
        healthCheck: {
          protocol: path === null ? "tcp" : "http",
          port: check.port,
          interval,
          timeout,
          retries,
          ...(path === null ? {} : { http: { path, statusCodes: ["2??", "3??"] } }),
        },
      },
      // A port is served once only.
      { parent: this, deleteBeforeReplace: true },
    );
  }
}
