import { UNKNOWN } from "../../server/resource.ts";
import type { Values } from "../schema.ts";
import { isInRange } from "./fields.ts";
import { parseRangeId } from "./ids.ts";

/**
 * Replaces an attachment whose state contradicts its own subnet: it is in another network, or its address is
 * outside of the subnet's range. Compares the state with itself, not with what is wanted.
 */
export function leaveWrongSubnet(prior: Values, plan: Values, warn: (message: string) => void): string[] {
  const subnet = typeof prior.subnetId === "string" ? parseRangeId(prior.subnetId) : null;
  if (subnet === null) return [];
  const replaced: string[] = [];
  if (typeof prior.networkId === "number" && prior.networkId !== subnet.network) {
    warn(`Attachment network (${prior.networkId}) is different than the subnet network (${subnet.network}).`);
    plan.networkId = subnet.network;
    replaced.push("networkId");
  }
  if (typeof prior.ip === "string" && !isInRange(prior.ip, subnet.range)) {
    warn(`Attachment IP (${prior.ip}) is outside subnet IP range (${subnet.range}) (${prior.subnetId}).`);
    plan.ip = UNKNOWN;
    replaced.push("ip");
  }
  return replaced;
}
