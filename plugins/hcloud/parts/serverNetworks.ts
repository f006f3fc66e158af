import type { CheckFailure, Properties } from "../../server/resource.ts";
import { UNKNOWN } from "../../server/resource.ts";
import { isObject, same } from "../../server/values.ts";
import type { Operation } from "../operation.ts";
import type { Values } from "../schema.ts";
import { ifSet } from "./collection.ts";
import { isGiven, isInRange } from "./fields.ts";
import { parseRangeId, subnetOf } from "./ids.ts";
import { type AttachBody, attachServer, detachServer, type PrivateNet } from "./serverAttachment.ts";

/** The attachments that a Server has in its own `networks`. */
export function inlineNetworks(values: Values): Values[] {
  return (values.networks ?? []) as Values[];
}

/** An attachment without alias addresses says so: otherwise every update would show a change. */
export function withAliases(inputs: Properties): Properties {
  if (!Array.isArray(inputs.networks)) return inputs;
  const networks = inputs.networks.map((network: unknown) =>
    isObject(network) && !("aliasIps" in network) ? { ...network, aliasIps: [] } : network,
  );
  return { ...inputs, networks };
}

/** Each attachment names a network or a subnet that fit together, and each network only once. */
export function networkFaults(inputs: Properties): CheckFailure[] {
  if (!Array.isArray(inputs.networks)) return [];
  const seen = new Set<number>();
  return inputs.networks.flatMap((network: unknown, index) => {
    if (!isObject(network)) return [];
    const reason = networkFault(network, seen);
    return reason === null ? [] : [{ property: `networks[${index}]`, reason }];
  });
}

function networkFault({ networkId, subnetId, ip }: Properties, seen: Set<number>): string | null {
  if (!isGiven(networkId) && !isGiven(subnetId)) return "Either networkId or subnetId must be given.";
  if (networkId === UNKNOWN || subnetId === UNKNOWN) return null;
  const subnet = isGiven(subnetId) ? parseRangeId(String(subnetId)) : null;
  if (isGiven(subnetId) && subnet === null)
    return `"${String(subnetId)}" is no subnet id, as <network>-<range>.`;
  if (subnet !== null && isGiven(networkId) && subnet.network !== Number(networkId)) {
    return `The subnet ${String(subnetId)} does not belong to network ${String(networkId)}.`;
  }
  if (subnet !== null && typeof ip === "string" && !isInRange(ip, subnet.range)) {
    return `The address ${ip} is outside of the subnet ${subnet.range}.`;
  }
  const network = subnet?.network ?? Number(networkId);
  if (seen.has(network)) return `The server is attached to network ${network} more than once.`;
  seen.add(network);
  return null;
}

export async function attachInline(op: Operation, network: Values): Promise<void> {
  await attachServer(op, op.id, attachBody(network));
}

function attachBody(network: Values): AttachBody {
  const subnet = ifSet(network.subnetId) === undefined ? null : subnetOf(String(network.subnetId));
  return {
    network: networkOf(network),
    ip: ifSet(network.ip),
    alias_ips: ifSet(network.aliasIps),
    ip_range: subnet?.range,
  };
}

function networkOf(network: Values): number {
  return ifSet(network.subnetId) === undefined
    ? Number(network.networkId)
    : subnetOf(String(network.subnetId)).network;
}

/** Brings the attachments of a server to what is wanted; an address cannot be changed, only given anew. */
export async function updateInline(op: Operation, attached: readonly PrivateNet[]): Promise<void> {
  const wanted = new Map(inlineNetworks(op.values).map((network) => [networkOf(network), network]));
  for (const existing of attached) {
    const network = wanted.get(existing.network);
    wanted.delete(existing.network);
    if (network === undefined) {
      await detachServer(op, op.id, existing.network);
    } else if (network.ip !== existing.ip) {
      await detachServer(op, op.id, existing.network);
      await attachInline(op, network);
    } else if (!same([...(network.aliasIps as string[])].sort(), [...existing.alias_ips].sort())) {
      const body = { network: existing.network, alias_ips: network.aliasIps };
      await op.api.act(`/servers/${op.id}/actions/change_alias_ips`, body);
    }
  }
  for (const network of wanted.values()) await attachInline(op, network);
}

/** What is stored of the attachments, each in the form in which it was given: by network or by subnet. */
export function storedNetworks(known: Values, attached: readonly PrivateNet[]): Values[] {
  return attached.map((existing) => {
    const given = inlineNetworks(known).find((network) => networkOf(network) === existing.network);
    return {
      networkId: given === undefined ? 0 : existing.network,
      subnetId: ifSet(given?.subnetId) ?? "",
      ip: existing.ip,
      aliasIps: existing.alias_ips,
      macAddress: existing.mac_address,
    };
  });
}
