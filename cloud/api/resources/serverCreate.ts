import { type Location, locations } from "../../catalogue/locations.ts";
import { type ServerType, serverTypes } from "../../catalogue/serverTypes.ts";
import { macAddress } from "../addresses.ts";
import type { Cloud } from "../cloud.ts";
import { type Call, current, type Reply, requireFreeName, requireRoom } from "../collection.ts";
import { timestamp } from "../engine.ts";
import { ApiError, invalidField, invalidInput, limitExceeded, notOffered } from "../errors.ts";
import { boolean, hostname, id as idInput, idOrName, labels, means, optional, parse, z } from "../input.ts";
import { limits } from "../limits.ts";
import type { Network, PrimaryIp, PrivateNet, Server, Volume } from "../model.ts";
import { renderAction, renderServer } from "../render.ts";
import { applyToNewServer } from "./firewalls.ts";
import { allocate, usableAddress } from "./primaryIps.ts";
import { requireGroupRoom } from "./serverGroups.ts";
import { findImage, hashPassword, randomPassword, userDataInput } from "./serverInput.ts";
import { placeInNetwork } from "./serverNetworks.ts";

const created = z.object({
  name: hostname,
  server_type: idOrName,
  image: idOrName,
  location: optional(idOrName),
  datacenter: optional(z.unknown()),
  ssh_keys: optional(z.array(idOrName)),
  volumes: optional(z.array(idInput)),
  networks: optional(z.array(idInput)),
  firewalls: optional(z.array(z.object({ firewall: idInput }))),
  placement_group: optional(idInput),
  user_data: optional(userDataInput),
  labels: optional(labels),
  automount: optional(boolean),
  start_after_create: optional(boolean),
  public_net: optional(
    z.object({
      enable_ipv4: optional(boolean),
      enable_ipv6: optional(boolean),
      ipv4: optional(idInput),
      ipv6: optional(idInput),
    }),
  ),
});

type Input = z.infer<typeof created>;

/** All that a new server refers to, found and free. */
interface Plan {
  type: ServerType;
  location: Location;
  image: string;
  sshKeys: string[];
  volumes: Volume[];
  networks: Network[];
  /** A chosen address, or that one is to be made, or none. */
  addresses: Record<PrimaryIp["type"], PrimaryIp | "new" | null>;
}

function findType(input: Input): ServerType {
  const type = serverTypes.find((candidate) => means(candidate, input.server_type));
  if (!type) throw invalidField("server_type", "unknown server type");
  return type;
}

/** Where the server will stand: as asked, or where its type is sold first. */
function findLocation(input: Input, type: ServerType): Location {
  if (input.datacenter !== undefined) throw invalidField("datacenter", "was removed, use location");
  const wanted = input.location ?? type.locations[0]?.name ?? "";
  const location = locations.find((candidate) => means(candidate, wanted));
  if (!location) throw invalidField("location", "unknown location");
  if (!type.locations.some((sold) => sold.id === location.id)) {
    throw new ApiError("invalid_input", "unsupported location for server type");
  }
  return location;
}

function findSshKeys(cloud: Cloud, wanted: (number | string)[]): string[] {
  const keys = cloud.store.all("ssh_key");
  const missing: string[] = [];
  const found = wanted.flatMap((one) => {
    const key = keys.find((candidate) => means(candidate, one));
    if (!key) missing.push(`SSH key '${one}' not found`);
    return key ? [key.publicKey] : [];
  });
  if (missing.length > 0) throw invalidInput([{ name: "ssh_keys", messages: missing }]);
  return found;
}

function findVolumes(cloud: Cloud, wanted: number[], location: string): Volume[] {
  if (wanted.length > limits.volumesPerServer) {
    throw limitExceeded("volumes per server", "volumes_per_server_limit");
  }
  return wanted.map((id) => {
    const volume = cloud.get("volume", id);
    if (volume.server !== null) {
      throw new ApiError("volume_already_attached", "volume is already attached to a server");
    }
    if (volume.location !== location) {
      throw new ApiError("service_error", "volume and server are not in the same location");
    }
    return volume;
  });
}

function findAddress(
  cloud: Cloud,
  type: PrimaryIp["type"],
  input: Input,
  location: string,
): PrimaryIp | "new" | null {
  const chosen = input.public_net?.[type];
  if (input.public_net?.[`enable_${type}`] === false) {
    if (chosen !== undefined)
      throw invalidField(`public_net.${type}`, `Must not be given while enable_${type} is false.`);
    return null;
  }
  if (chosen === undefined) return "new";
  return usableAddress(cloud, chosen, type, location);
}

function plan(cloud: Cloud, input: Input): Plan {
  if (input.automount) throw notOffered("mounting volumes from outside the machine (automount) is");
  const type = findType(input);
  const location = findLocation(input, type);
  const image = findImage(input.image).name;
  requireRoom(cloud, "server", limits.servers);
  requireFreeName(cloud, "server", input.name, { what: "server name" });
  if (input.placement_group !== undefined) requireGroupRoom(cloud, input.placement_group);
  const addresses = {
    ipv4: findAddress(cloud, "ipv4", input, location.name),
    ipv6: findAddress(cloud, "ipv6", input, location.name),
  };
  if ((input.firewalls ?? []).length > 0 && !addresses.ipv4 && !addresses.ipv6) {
    throw new ApiError("private_net_only_server", "a server without public interface cannot have firewalls");
  }
  return {
    type,
    location,
    image,
    sshKeys: findSshKeys(cloud, input.ssh_keys ?? []),
    volumes: findVolumes(cloud, input.volumes ?? [], location.name),
    networks: (input.networks ?? []).map((id) => cloud.get("network", id)),
    addresses,
  };
}

function write(cloud: Cloud, input: Input, found: Plan, rootPasswordHash: string | null) {
  return cloud.change((tx, act) => {
    const id = tx.newId();
    let privateNet: PrivateNet[] = [];
    for (const network of found.networks) {
      privateNet = [
        ...privateNet,
        placeInNetwork(cloud, { id, location: found.location.name, privateNet }, network, {}),
      ];
    }
    const starts = input.start_after_create ?? true;
    const server: Server = {
      id,
      name: input.name,
      labels: input.labels ?? {},
      created: timestamp(),
      status: "initializing",
      powered: false,
      type: found.type.name,
      image: found.image,
      location: found.location.name,
      diskGb: found.type.disk,
      userData: input.user_data ?? "",
      sshKeys: found.sshKeys,
      rootPasswordHash,
      macAddress: macAddress("92:00", id),
      privateNet,
      placementGroup: input.placement_group ?? null,
      protection: { delete: false, rebuild: false },
    };
    tx.put("server", server);
    for (const volume of found.volumes) tx.put("volume", { ...volume, server: id });
    for (const firewall of applyToNewServer(
      cloud,
      server,
      (input.firewalls ?? []).map((one) => one.firewall),
    )) {
      tx.put("firewall", firewall);
    }
    for (const type of ["ipv4", "ipv6"] as const) {
      const address = found.addresses[type];
      if (address === "new") {
        const name = `primary_ip-${tx.newId()}`;
        allocate(cloud, tx, { name, type, location: server.location, assignee: id, autoDelete: true });
      } else if (address) tx.put("primary_ip", { ...address, assignee: id });
    }
    const resources = [
      { id, type: "server" as const },
      ...found.volumes.map((volume) => ({ id: volume.id, type: "volume" as const })),
    ];
    const action = act({
      command: "create_server",
      resources,
      task: { name: "create_server", input: { server: id } },
    });
    if (!starts) return { server, action, next: [] };
    const start = act({
      command: "start_server",
      resources: [{ id, type: "server" }],
      task: { name: "start_server", input: { server: id } },
      after: action.id,
    });
    return { server, action, next: [start] };
  });
}

/** `POST /servers`. */
export async function createServer({ cloud, body }: Call): Promise<Reply> {
  const input = parse(created, body);
  const password = (input.ssh_keys ?? []).length > 0 ? null : randomPassword();
  const rootPasswordHash = password === null ? null : await hashPassword(password);
  return cloud.whenFree(
    () => [
      ...(input.volumes ?? []).map((id) => ({ id, type: "volume" as const })),
      ...(input.networks ?? []).map((id) => ({ id, type: "network" as const })),
    ],
    () => {
      const { server, action, next } = write(cloud, input, plan(cloud, input), rootPasswordHash);
      return {
        status: 201,
        body: {
          server: renderServer(cloud, server),
          action: renderAction(current(cloud, action)),
          next_actions: next.map((one) => renderAction(current(cloud, one))),
          root_password: password,
        },
      };
    },
  );
}
