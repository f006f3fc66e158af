import { images } from "../catalogue/images.ts";
import { locations } from "../catalogue/locations.ts";
import { includedTraffic, serverTypes } from "../catalogue/serverTypes.ts";
import type { Cloud } from "./cloud.ts";
import { labelMatcher } from "./labels.ts";
import type {
  Action,
  Firewall,
  Network,
  PlacementGroup,
  PrimaryIp,
  Rule,
  Server,
  SshKey,
  Volume,
} from "./model.ts";

/** Pure: a record of the store as Hetzner's JSON (field names from the official OpenAPI description and clients). */

const byName = <T extends { name: string }>(entries: readonly T[]) =>
  new Map(entries.map((entry) => [entry.name, entry]));
const typesByName = byName(serverTypes);
const imagesByName = byName(images);
const locationsByName = byName(locations);

export function renderAction(action: Action) {
  const { id, command, status, progress, started, finished, resources, error } = action;
  return { id, command, status, progress, started, finished, resources, error };
}

export function renderSshKey(_: Cloud, key: SshKey) {
  const { id, name, fingerprint, publicKey, labels, created } = key;
  return { id, name, fingerprint, public_key: publicKey, labels, created };
}

export function renderPlacementGroup({ view }: Cloud, group: PlacementGroup) {
  const { id, name, labels, created, type } = group;
  return { id, name, labels, created, servers: view.membersOf(id), type };
}

export function renderNetwork({ view }: Cloud, network: Network) {
  return {
    id: network.id,
    name: network.name,
    ip_range: network.ipRange,
    subnets: network.subnets.map((subnet) => ({
      type: subnet.type,
      ip_range: subnet.ipRange,
      network_zone: subnet.networkZone,
      gateway: subnet.gateway,
      vswitch_id: null,
    })),
    routes: network.routes,
    servers: view.serversIn(network.id),
    load_balancers: view.balancersIn(network.id),
    protection: network.protection,
    labels: network.labels,
    created: network.created,
    expose_routes_to_vswitch: false,
  };
}

/** Where the machine that has the volume finds it. */
export function linuxDevice(volume: Pick<Volume, "id">): string {
  return `/dev/disk/by-id/scsi-0HC_Volume_${volume.id}`;
}

export function renderVolume(_: Cloud, volume: Volume) {
  return {
    id: volume.id,
    created: volume.created,
    name: volume.name,
    server: volume.server,
    location: locationsByName.get(volume.location),
    size: volume.sizeGb,
    linux_device: linuxDevice(volume),
    protection: volume.protection,
    labels: volume.labels,
    status: volume.status,
    format: volume.format,
  };
}

function renderRule(rule: Rule) {
  return {
    description: rule.description,
    direction: rule.direction,
    source_ips: rule.sourceIps,
    destination_ips: rule.destinationIps,
    protocol: rule.protocol,
    port: rule.port,
  };
}

export function renderFirewall({ store }: Cloud, firewall: Firewall) {
  return {
    id: firewall.id,
    name: firewall.name,
    labels: firewall.labels,
    created: firewall.created,
    rules: firewall.rules.map(renderRule),
    applied_to: firewall.appliedTo.map((target) =>
      target.type === "server"
        ? { type: "server", server: { id: target.server } }
        : {
            type: "label_selector",
            label_selector: { selector: target.selector },
            applied_to_resources: store
              .all("server")
              .filter((server) => labelMatcher(target.selector)(server.labels))
              .map((server) => ({ type: "server", server: { id: server.id } })),
          },
    ),
  };
}

export function defaultDnsPtr(ip: string): string {
  return `static.${ip.split(".").reverse().join(".")}.clients.your-server.de`;
}

function assigneeType({ store }: Cloud, assignee: number | null) {
  if (assignee === null) return "unassigned";
  return store.get("load_balancer", assignee) ? "load_balancer" : "server";
}

export function renderPrimaryIp(cloud: Cloud, address: PrimaryIp) {
  return {
    id: address.id,
    name: address.name,
    labels: address.labels,
    created: address.created,
    blocked: false,
    location: locationsByName.get(address.location),
    ip: address.ip,
    dns_ptr: address.type === "ipv4" ? [{ ip: address.ip, dns_ptr: defaultDnsPtr(address.ip) }] : [],
    protection: address.protection,
    type: address.type,
    auto_delete: address.autoDelete,
    assignee_type: assigneeType(cloud, address.assignee),
    assignee_id: address.assignee,
  };
}

function renderPublicNet({ view }: Cloud, server: Server) {
  const ipv4 = view.addressOf(server.id, "ipv4");
  const ipv6 = view.addressOf(server.id, "ipv6");
  return {
    ipv4: ipv4 ? { id: ipv4.id, ip: ipv4.ip, blocked: false, dns_ptr: defaultDnsPtr(ipv4.ip) } : null,
    ipv6: ipv6 ? { id: ipv6.id, ip: ipv6.ip, blocked: false, dns_ptr: [] } : null,
    floating_ips: [],
    firewalls: ipv4 || ipv6 ? view.firewallsOf(server) : [],
  };
}

export function renderServer(cloud: Cloud, server: Server) {
  const type = typesByName.get(server.type);
  const group =
    server.placementGroup === null ? undefined : cloud.store.get("placement_group", server.placementGroup);
  return {
    id: server.id,
    name: server.name,
    status: server.status,
    public_net: renderPublicNet(cloud, server),
    private_net: server.privateNet.map((net) => ({
      network: net.network,
      ip: net.ip,
      alias_ips: net.aliasIps,
      mac_address: net.macAddress,
    })),
    server_type: type,
    location: locationsByName.get(server.location),
    image: imagesByName.get(server.image) ?? null,
    iso: null,
    rescue_enabled: false,
    locked: cloud.view.isLocked(server.id),
    backup_window: null,
    outgoing_traffic: null,
    ingoing_traffic: null,
    included_traffic: type ? includedTraffic(type, server.location) : 0,
    protection: server.protection,
    labels: server.labels,
    volumes: cloud.view.volumesOf(server.id),
    load_balancers: cloud.view.balancersBefore(server.id),
    primary_disk_size: server.diskGb,
    placement_group: group ? renderPlacementGroup(cloud, group) : null,
    created: server.created,
  };
}
