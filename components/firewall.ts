import { Firewall as CloudFirewall } from "@pulumi/hcloud/firewall.js";
import { ComponentResource, type ComponentResourceOptions, type Output, type Resource } from "@pulumi/pulumi";
import { namesOf, type Placement } from "./naming.ts";

export interface FirewallSpec {
  name: string;
  /** What may come in from the internet; everything else is dropped. Private networks do not pass through it. */
  rules: FirewallRule[];
}

export interface FirewallRule {
  description: string;
  protocol: "tcp" | "icmp";
  /** Null for protocols without ports. */
  port: string | null;
  /** CIDRs; never empty. */
  sources: string[];
}

export interface FirewallArgs extends FirewallSpec {
  placement: Placement;
  /** Made before it. */
  after: Resource[];
}

/** What the internet may reach of a group of machines. It is in force before a machine boots for the first time. */
export class Firewall extends ComponentResource {
  readonly id: Output<number>;

  constructor(name: string, args: FirewallArgs, options?: ComponentResourceOptions) {
    super("phasewise:hetzner:Firewall", name, {}, options);
    const names = namesOf(args.placement, args.name);
    const firewall = new CloudFirewall(
      names.logical,
      { name: names.physical, labels: names.labels, rules: args.rules.map(cloudRule) },
      { parent: this, dependsOn: args.after },
    );
    this.id = firewall.id.apply(Number);
    this.registerOutputs({ id: this.id });
  }
}

function cloudRule({ description, protocol, port, sources }: FirewallRule) {
  return { direction: "in", description, protocol, sourceIps: sources, ...(port === null ? {} : { port }) };
}
