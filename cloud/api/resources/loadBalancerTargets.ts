import { isIpv4 } from "../addresses.ts";
import type { Cloud } from "../cloud.ts";
import { ApiError, invalidField } from "../errors.ts";
import { boolean, id as idInput, optional, z } from "../input.ts";
import { labelMatcher } from "../labels.ts";
import { addressOf } from "../loadBalancers.ts";
import type { LoadBalancer, Target } from "../model.ts";

export const targetInput = z.object({
  type: z.enum(["server", "label_selector", "ip"]),
  server: optional(z.object({ id: idInput })),
  label_selector: optional(z.object({ selector: z.string() })),
  ip: optional(z.object({ ip: z.string() })),
  use_private_ip: optional(boolean),
});

/** @throws ApiError invalid_input for one that is not whole. */
export function toTarget(input: z.infer<typeof targetInput>): Target {
  const usePrivateIp = input.use_private_ip ?? false;
  const missing = (field: string) => invalidField(field, "Missing data for required field.");
  if (input.type === "server") {
    if (!input.server) throw missing("server");
    return { type: "server", server: input.server.id, usePrivateIp };
  }
  if (input.type === "label_selector") {
    if (!input.label_selector) throw missing("label_selector");
    labelMatcher(input.label_selector.selector);
    return { type: "label_selector", selector: input.label_selector.selector, usePrivateIp };
  }
  if (!input.ip) throw missing("ip");
  if (usePrivateIp) throw invalidField("use_private_ip", "Not available for targets of type ip.");
  return { type: "ip", ip: input.ip.ip };
}

/** Whether both mean the same, whatever way they are reached. */
export function sameTarget(a: Target, b: Target): boolean {
  if (a.type === "server") return b.type === "server" && a.server === b.server;
  if (a.type === "ip") return b.type === "ip" && a.ip === b.ip;
  return b.type === "label_selector" && a.selector === b.selector;
}

type Reach = Pick<LoadBalancer, "privateNet" | "publicInterface" | "targets">;

/** @throws ApiError where the load balancer has this target already, or has no way to it. */
export function requireReachable(cloud: Cloud, balancer: Reach, target: Target): void {
  if (target.type === "server") cloud.get("server", target.server);
  if (balancer.targets.some((other) => sameTarget(other, target)))
    throw new ApiError("target_already_defined", "target is already defined");
  if (target.type === "ip") requireOwned(cloud, target.ip);
  const isPrivate = target.type !== "ip" && target.usePrivateIp;
  if (isPrivate && !balancer.privateNet) throw notInNetwork();
  if (!isPrivate && !balancer.publicInterface) {
    throw new ApiError(
      "load_balancer_public_interface_disabled",
      "the public interface of the load balancer is disabled",
    );
  }
  if (target.type !== "server") return;
  const server = cloud.get("server", target.server);
  if (addressOf(cloud.store, balancer, server, target.usePrivateIp) !== null) return;
  throw isPrivate
    ? new ApiError(
        "server_not_attached_to_network",
        "server is not attached to the same network as the load balancer",
      )
    : new ApiError("missing_ipv4", "server has no public IPv4 address");
}

export function notInNetwork(): ApiError {
  return new ApiError("load_balancer_not_attached_to_network", "load balancer is not attached to a network");
}

/** The one dedicated server of the project's owner is the host. */
function requireOwned({ store, hypervisor }: Cloud, ip: string): void {
  if (!isIpv4(ip)) throw invalidField("ip.ip", "Not a valid IPv4 address.");
  if (store.all("primary_ip").some((address) => address.ip === ip)) {
    throw new ApiError("cloud_resource_ip_not_allowed", "the IP belongs to a Hetzner Cloud resource");
  }
  if (ip !== hypervisor.publicRange.gateway)
    throw new ApiError("ip_not_owned", "the IP is not owned by the owner of the project");
}
