import type { HetznerItem } from "../../../clients/hetzner.ts";

/** All labelled objects of a stack in the cloud, by collection. */
export type Listing = Record<string, HetznerItem[]>;

/** A resource type that has labels: its collection at the API. */
export const labelled: Record<string, string> = {
  "hcloud:index/server:Server": "servers",
  "hcloud:index/network:Network": "networks",
  "hcloud:index/volume:Volume": "volumes",
  "hcloud:index/firewall:Firewall": "firewalls",
  "hcloud:index/sshKey:SshKey": "ssh_keys",
  "hcloud:index/primaryIp:PrimaryIp": "primary_ips",
  "hcloud:index/placementGroup:PlacementGroup": "placement_groups",
  "hcloud:index/loadBalancer:LoadBalancer": "load_balancers",
};

type Inputs = Record<string, unknown>;
/** A part of a labelled object that is a resource of its own: its id where the cloud has it already. */
type FindPart = (inputs: Inputs, listing: Listing) => string | null;

/** Resource types without labels: they are parts of labelled ones, and their ids are made of theirs. */
export const parts: Record<string, FindPart> = {
  "hcloud:index/networkSubnet:NetworkSubnet": ({ networkId, ipRange }, listing) => {
    const subnets = list(item(listing, "networks", networkId)?.subnets);
    return subnets.some((subnet) => subnet.ip_range === ipRange) ? `${networkId}-${ipRange}` : null;
  },
  "hcloud:index/networkRoute:NetworkRoute": ({ networkId, destination }, listing) => {
    const routes = list(item(listing, "networks", networkId)?.routes);
    return routes.some((route) => route.destination === destination) ? `${networkId}-${destination}` : null;
  },
  "hcloud:index/serverNetwork:ServerNetwork": ({ serverId, networkId, subnetId }, listing) => {
    const network = networkId ?? (typeof subnetId === "string" ? Number(subnetId.split("-")[0]) : undefined);
    const attached = list(item(listing, "servers", serverId)?.private_net);
    return attached.some((net) => net.network === network) ? `${serverId}-${network}` : null;
  },
  "hcloud:index/volumeAttachment:VolumeAttachment": ({ volumeId, serverId }, listing) => {
    const volume = item(listing, "volumes", volumeId);
    return volume && volume.server === serverId ? String(volumeId) : null;
  },
  "hcloud:index/firewallAttachment:FirewallAttachment": ({ firewallId }, listing) => {
    const applied = list(item(listing, "firewalls", firewallId)?.applied_to);
    return applied.length > 0 ? String(firewallId) : null;
  },
  "hcloud:index/loadBalancerNetwork:LoadBalancerNetwork": (
    { loadBalancerId, networkId, subnetId },
    listing,
  ) => {
    const network = networkId ?? (typeof subnetId === "string" ? Number(subnetId.split("-")[0]) : undefined);
    const attached = list(item(listing, "load_balancers", loadBalancerId)?.private_net);
    return attached.some((net) => net.network === network) ? `${loadBalancerId}-${network}` : null;
  },
  "hcloud:index/loadBalancerService:LoadBalancerService": ({ loadBalancerId, listenPort }, listing) => {
    const services = list(item(listing, "load_balancers", Number(loadBalancerId))?.services);
    return services.some((service) => service.listen_port === listenPort)
      ? `${loadBalancerId}__${listenPort}`
      : null;
  },
  "hcloud:index/loadBalancerTarget:LoadBalancerTarget": ({ loadBalancerId, serverId }, listing) => {
    const targets = list(item(listing, "load_balancers", loadBalancerId)?.targets);
    const found = targets.some((target) => (target.server as { id?: number } | undefined)?.id === serverId);
    return found ? `lb-srv-tgt-${serverId}-${loadBalancerId}` : null;
  },
};

function item(listing: Listing, collection: string, id: unknown): HetznerItem | undefined {
  return listing[collection]?.find((candidate) => candidate.id === id);
}

function list(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? (value as Record<string, unknown>[]) : [];
}
