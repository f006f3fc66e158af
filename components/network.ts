import { Network as CloudNetwork } from "@pulumi/hcloud/network.js";
import { NetworkSubnet } from "@pulumi/hcloud/networkSubnet.js";
import { ComponentResource, type ComponentResourceOptions, type Output, type Resource } from "@pulumi/pulumi";
import { namesOf, type Placement } from "./naming.ts";

export interface NetworkSpec {
  name: string;
  /** CIDR of the whole. */
  range: string;
  subnets: { name: string; range: string }[];
}

export interface NetworkArgs extends NetworkSpec {
  placement: Placement;
  zone: string;
  deletionProtection: boolean;
  /** Made before it. */
  after: Resource[];
}

/** A private network and its subnets, routed as Hetzner routes. */
export class Network extends ComponentResource {
  readonly id: Output<number>;
  /** By the subnet's name. */
  readonly subnets: Record<string, NetworkSubnet>;

  constructor(name: string, args: NetworkArgs, options?: ComponentResourceOptions) {
    super("phasewise:hetzner:Network", name, {}, options);
    const { placement, deletionProtection } = args;
    const names = namesOf(placement, args.name);
    const network = new CloudNetwork(
      names.logical,
      {
        name: names.physical,
        ipRange: args.range,
        labels: names.labels,
        deleteProtection: deletionProtection,
      },
      { parent: this, protect: deletionProtection, dependsOn: args.after },
    );
    this.id = network.id.apply(Number);
    this.subnets = Object.fromEntries(
      args.subnets.map((subnet) => [
        subnet.name,
        new NetworkSubnet(
          `${names.logical}-${subnet.name}`,
          { networkId: this.id, type: "cloud", networkZone: args.zone, ipRange: subnet.range },
          // Two subnets with one range are refused: the old one has to go first.
          { parent: this, protect: deletionProtection, deleteBeforeReplace: true },
        ),
      ]),
    );
    this.registerOutputs({ id: this.id });
  }
}
