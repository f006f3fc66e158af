import { type LoadBalancerType, loadBalancerTypes } from "../../catalogue/loadBalancerTypes.ts";
import { type Location, locations, networkZones } from "../../catalogue/locations.ts";
import { macAddress } from "../addresses.ts";
import type { Cloud } from "../cloud.ts";
import { type Tx, timestamp } from "../engine.ts";
import { ApiError, invalidField, invalidInput, limitExceeded } from "../errors.ts";
import { boolean, id as idInput, idOrName, labels, means, name, optional, z } from "../input.ts";
import { limits } from "../limits.ts";
import type { LoadBalancer, Network, Target } from "../model.ts";
import {
  changedService,
  newService,
  portTaken,
  type serviceChange,
  serviceInput,
  withService,
} from "./loadBalancerServices.ts";
import { notInNetwork, requireReachable, sameTarget, targetInput, toTarget } from "./loadBalancerTargets.ts";
import { chooseAddress } from "./networkPlaces.ts";
import { allocate, usableAddress } from "./primaryIps.ts";

/** What a load balancer becomes by a request, or why it does not. Changes nothing. */

export const algorithmInput = z.object({ type: z.enum(["round_robin", "least_connections"]) });
export const createInput = z.object({
  name,
  load_balancer_type: idOrName,
  location: optional(idOrName),
  network_zone: optional(z.string()),
  algorithm: optional(algorithmInput),
  labels: optional(labels),
  services: optional(z.array(serviceInput)),
  targets: optional(z.array(targetInput)),
  network: optional(idInput),
  public_interface: optional(boolean),
  public_net: optional(z.object({ ipv4: optional(idInput), ipv6: optional(idInput) })),
});
export function findType(wanted: string | number): LoadBalancerType {
  const type = loadBalancerTypes.find((candidate) => means(candidate, wanted));
  if (!type) throw invalidField("load_balancer_type", "unknown load balancer type");
  return type;
}

function typeOf(balancer: Pick<LoadBalancer, "type">): LoadBalancerType {
  return findType(balancer.type);
}

function findPlace(input: z.infer<typeof createInput>): Location {
  const { location, network_zone: zone } = input;
  if ((location === undefined) === (zone === undefined))
    throw invalidField("location", "Exactly one of location and network_zone must be given.");
  if (zone !== undefined && !networkZones.includes(zone))
    throw invalidField("network_zone", "unknown network zone");
  const found = locations.find((candidate) =>
    location === undefined ? candidate.network_zone === zone : means(candidate, location),
  );
  if (!found) throw invalidField("location", "unknown location");
  return found;
}

/** Gives a new load balancer its addresses: those that are asked for, else new ones, which go with it. */
export function assignAddresses(
  cloud: Cloud,
  tx: Tx,
  { id, location }: LoadBalancer,
  wanted: z.infer<typeof createInput>["public_net"],
): void {
  for (const type of ["ipv4", "ipv6"] as const) {
    const chosen = wanted?.[type];
    if (chosen === undefined) {
      const name = `primary_ip-${tx.newId()}`;
      allocate(cloud, tx, { name, type, location, assignee: id, autoDelete: true });
    } else tx.put("primary_ip", { ...usableAddress(cloud, chosen, type, location), assignee: id });
  }
}

/** The load balancer in a network, at an address. @throws ApiError where there is none for it. */
export function inNetwork(
  cloud: Cloud,
  balancer: LoadBalancer,
  network: Network,
  wanted: { ip?: string | undefined; ipRange?: string | undefined },
): LoadBalancer {
  if (balancer.privateNet) {
    throw new ApiError("load_balancer_already_attached", "load balancer is already attached to a network");
  }
  const ip = chooseAddress(cloud, network, balancer.location, wanted);
  const mac = macAddress("86:00", balancer.id * limits.networksPerServer);
  return { ...balancer, privateNet: { network: network.id, ip, macAddress: mac } };
}

export function withTarget(cloud: Cloud, balancer: LoadBalancer, target: Target): LoadBalancer {
  requireReachable(cloud, balancer, target);
  if (balancer.targets.length >= typeOf(balancer).max_targets)
    throw limitExceeded("targets per Load Balancer", "load_balancer_targets_limit");
  return { ...balancer, targets: [...balancer.targets, target] };
}

/** A load balancer without one of its targets. @throws ApiError where it has none such. */
export function withoutTarget(balancer: LoadBalancer, target: Target): LoadBalancer {
  const targets = balancer.targets.filter((other) => !sameTarget(other, target));
  if (targets.length === balancer.targets.length) {
    throw new ApiError("load_balancer_target_not_found", "load balancer target not found", { status: 404 });
  }
  return { ...balancer, targets };
}

/** A load balancer of another type. @throws ApiError where it has more than the type allows. */
export function ofType(balancer: LoadBalancer, wanted: string | number): LoadBalancer {
  const type = findType(wanted);
  const { services, targets } = balancer;
  if (services.length > type.max_services || targets.length > type.max_targets) {
    throw new ApiError(
      "invalid_load_balancer_type",
      "load balancer type does not fit for the given load balancer",
    );
  }
  return { ...balancer, type: type.name };
}

function noService(port: number): ApiError {
  return new ApiError("not_found", `service with listen port '${port}' not found`);
}

/** A load balancer without one of its services. @throws ApiError not_found */
export function withoutService(balancer: LoadBalancer, port: number): LoadBalancer {
  const services = balancer.services.filter(({ listenPort }) => listenPort !== port);
  if (services.length === balancer.services.length) throw noService(port);
  return { ...balancer, services };
}

/** A load balancer without its network; targets by private address are out of its reach then. */
export function withoutNetwork(balancer: LoadBalancer, network: number): LoadBalancer {
  if (balancer.privateNet?.network !== network)
    throw invalidField("network", "load balancer is not attached to network");
  return { ...balancer, privateNet: null };
}

/** @throws ApiError where something would be out of reach without the public interface. */
export function withoutPublicInterface(balancer: LoadBalancer): LoadBalancer {
  if (!balancer.privateNet) throw notInNetwork();
  if (balancer.targets.some((target) => target.type === "ip" || !target.usePrivateIp)) {
    throw new ApiError(
      "targets_without_use_private_ip",
      "load balancer has targets that use the public IP instead of the private IP",
    );
  }
  return { ...balancer, publicInterface: false };
}

/** A load balancer as it is asked for, under this id. @throws ApiError where it cannot be. */
export function plan(cloud: Cloud, input: z.infer<typeof createInput>, id: number): LoadBalancer {
  const type = findType(input.load_balancer_type);
  let balancer: LoadBalancer = {
    id,
    name: input.name,
    labels: input.labels ?? {},
    created: timestamp(),
    type: type.name,
    location: findPlace(input).name,
    algorithm: input.algorithm?.type ?? "round_robin",
    publicInterface: input.public_interface ?? true,
    macAddress: macAddress("92:00", id),
    privateNet: null,
    services: [],
    targets: [],
    health: [],
    protection: { delete: false },
  };
  if (input.network !== undefined)
    balancer = inNetwork(cloud, balancer, cloud.get("network", input.network), {});
  if (!balancer.publicInterface && !balancer.privateNet) throw notInNetwork();
  for (const one of input.services ?? []) balancer = addService(cloud, balancer, one);
  for (const one of input.targets ?? []) balancer = withTarget(cloud, balancer, toTarget(one));
  return balancer;
}

/** @throws ApiError where the service does not fit beside the others. */
export function addService(
  cloud: Cloud,
  balancer: LoadBalancer,
  input: z.infer<typeof serviceInput>,
): LoadBalancer {
  const service = newService(input);
  if (balancer.services.some(({ listenPort }) => listenPort === service.listenPort))
    throw portTaken(service.listenPort);
  const services = withService(balancer, service, typeOf(balancer).max_services);
  return requireCertificates(cloud, { ...balancer, services });
}

/** @throws ApiError where there is no such service, or it does not fit beside the others. */
export function updateService(
  cloud: Cloud,
  balancer: LoadBalancer,
  input: z.infer<typeof serviceChange>,
): LoadBalancer {
  const before = balancer.services.find(({ listenPort }) => listenPort === input.listen_port);
  if (!before) throw noService(input.listen_port);
  const services = withService(balancer, changedService(before, input), typeOf(balancer).max_services);
  return requireCertificates(cloud, { ...balancer, services });
}

/** @throws ApiError where a certificate does not exist, or there are more than the type allows. */
function requireCertificates({ store }: Cloud, balancer: LoadBalancer): LoadBalancer {
  const ids = new Set(balancer.services.flatMap(({ http }) => http?.certificates ?? []));
  const missing = [...ids].filter((id) => !store.get("certificate", id));
  if (missing.length > 0) {
    const messages = missing.map((id) => `certificate with ID '${id}' not found`);
    throw invalidInput([{ name: "http.certificates", messages }]);
  }
  if (ids.size > typeOf(balancer).max_assigned_certificates)
    throw limitExceeded("certificates per Load Balancer", "load_balancer_certificates_limit");
  return balancer;
}
