import { createHash } from "node:crypto";
import ipaddr from "ipaddr.js";
import type { Action } from "../api/errors.ts";
import type { Operation } from "../operation.ts";
import { collection, ifSet, mayPass, must, put, runSteps, type Step } from "../parts/collection.ts";
import { invalidIp, labels, noDatacenter, notEmpty } from "../parts/fields.ts";
import { serverTarget } from "../parts/firewallTargets.ts";
import type { PrivateNet } from "../parts/serverAttachment.ts";
import {
  attachInline,
  inlineNetworks,
  networkFaults,
  storedNetworks,
  updateInline,
  withAliases,
} from "../parts/serverNetworks.ts";
import { findIso, groupId, keyIds, orderParts } from "../parts/serverOrder.ts";
import { type PublicNet, powerOn, publicNetBody, updatePublicNet } from "../parts/serverPublicNet.ts";
import { bool, type HcloudType, int, list, set, string, type Values } from "../schema.ts";

interface ApiServer {
  id: number;
  name: string;
  status: string;
  server_type: { name: string; architecture: string };
  location: { name: string };
  image: { id: number; name: string | null } | null;
  public_net: PublicNet;
  private_net: PrivateNet[];
  backup_window: string | null;
  iso: { id: number } | null;
  rescue_enabled: boolean;
  labels: Record<string, string>;
  protection: { delete: boolean; rebuild: boolean };
  placement_group: { id: number } | null;
  primary_disk_size: number;
}

const servers = collection<ApiServer>("/servers", "server");

const steps: Step<ApiServer>[] = [
  put(servers, "name"),
  put(servers, "labels"),
  { when: ["serverType"], run: changeType },
  { when: ["backups"], run: setBackups },
  { when: ["iso"], run: setIso },
  { when: ["rescue"], run: async (op, server) => await setRescue(op, server, await keyIds(op)) },
  { when: ["networks"], run: async (op, server) => await updateInline(op, server.private_net) },
  { when: ["firewallIds"], run: setFirewalls },
  { when: ["publicNets"], run: async (op, server) => await updatePublicNet(op, server.public_net) },
  { when: ["placementGroupId"], run: setPlacementGroup },
  { when: ["deleteProtection", "rebuildProtection"], run: setProtection },
];

/** The server is switched off hard for it, and stays off: the operator starts it. */
async function changeType(op: Operation, server: ApiServer): Promise<void> {
  if (server.status === "running") await servers.act(op, "poweroff");
  const { serverType, keepDisk } = op.values;
  await servers.act(op, "change_type", { server_type: serverType, upgrade_disk: keepDisk !== true });
}

async function setBackups(op: Operation, server: ApiServer): Promise<void> {
  const enabled = ifSet(server.backup_window) !== undefined;
  if (enabled && op.values.backups !== true) await servers.act(op, "disable_backup");
  if (!enabled && op.values.backups === true) await servers.act(op, "enable_backup");
}

async function setIso(op: Operation, server: ApiServer): Promise<void> {
  const wanted = ifSet(op.values.iso);
  if (server.iso !== null) await servers.act(op, "detach_iso");
  if (wanted !== undefined) {
    const iso = await findIso(op, String(wanted), server.server_type.architecture);
    await servers.act(op, "attach_iso", { iso: iso.id });
  }
  if (server.iso !== null || wanted !== undefined) await servers.act(op, "reset");
}

async function setRescue(op: Operation, server: ApiServer, keys: number[]): Promise<void> {
  const type = ifSet(op.values.rescue);
  if (server.rescue_enabled) await servers.act(op, "disable_rescue");
  if (type !== undefined) {
    await op.api.retry(() => servers.act(op, "enable_rescue", { type, ssh_keys: ifSet(keys) }), mayPass);
  }
  if (server.rescue_enabled || type !== undefined)
    await op.api.retry(() => servers.act(op, "reset"), mayPass);
}

async function setFirewalls(op: Operation, server: ApiServer): Promise<void> {
  const wanted = (op.values.firewallIds ?? []) as number[];
  const applied = server.public_net.firewalls.map(({ id }) => id);
  const targets = [serverTarget(server.id)];
  for (const id of applied.filter((firewall) => !wanted.includes(firewall))) {
    await op.api.act(`/firewalls/${id}/actions/remove_from_resources`, { remove_from: targets });
  }
  for (const id of wanted.filter((firewall) => !applied.includes(firewall))) {
    await op.api.act(`/firewalls/${id}/actions/apply_to_resources`, { apply_to: targets });
  }
}

async function setPlacementGroup(op: Operation, server: ApiServer): Promise<void> {
  if (server.placement_group !== null) {
    if (server.status !== "off") {
      throw new Error(
        "removing a running server from a placement group is currently not supported in the provider. " +
          "You can shutdown the server yourself, apply the changes again and then start the server manually as a workaround",
      );
    }
    await servers.act(op, "remove_from_placement_group");
  }
  const wanted = Number(op.values.placementGroupId ?? 0);
  if (wanted === 0) return;
  await servers.act(op, "add_to_placement_group", { placement_group: await groupId(op, wanted) });
}

async function setProtection(op: Operation): Promise<void> {
  const { deleteProtection, rebuildProtection } = op.values;
  await servers.act(op, "change_protection", { rebuild: rebuildProtection, delete: deleteProtection });
}

/** All that belongs to a new server after the API has taken the order. */
async function complete(
  op: Operation,
  server: ApiServer,
  startsLater: boolean,
  keys: number[],
): Promise<void> {
  for (const network of inlineNetworks(op.values)) await attachInline(op, network);
  if (startsLater) await powerOn(op);
  await setBackups(op, server);
  if (ifSet(op.values.iso) !== undefined) await setIso(op, server);
  if (ifSet(op.values.rescue) !== undefined) await setRescue(op, server, keys);
  if (op.values.deleteProtection === true || op.values.rebuildProtection === true) await setProtection(op);
}

/** Waits a while for the operating system to shut down; the deletion comes in any case. */
async function shutDown(op: Operation): Promise<void> {
  await servers.act(op, "shutdown");
  const stillOn = new Error("The server has not shut down yet.");
  const look = async () => {
    const server = await servers.get(op);
    if (server !== null && server.status !== "off") throw stillOn;
  };
  try {
    await op.api.retry(look, (error) => error === stillOn);
  } catch (error) {
    op.warn(`Server ${op.id} did not shut down in time (${String(error)}): it is deleted all the same.`);
  }
}

async function fetched(op: Operation): Promise<Values> {
  return values(op, must(await servers.getByIdOrName(op), `Server ${op.id}`));
}

function values(op: Operation, server: ApiServer): Values {
  const { ipv4, ipv6, firewalls } = server.public_net;
  return {
    name: server.name,
    location: server.location.name,
    status: server.status,
    serverType: server.server_type.name,
    ipv4Address: ipv4?.ip ?? "",
    ...ipv6Values(ipv6?.ip ?? null),
    backupWindow: server.backup_window ?? "",
    backups: ifSet(server.backup_window) !== undefined,
    labels: server.labels,
    deleteProtection: server.protection.delete,
    rebuildProtection: server.protection.rebuild,
    firewallIds: firewalls.map(({ id }) => id),
    primaryDiskSize: server.primary_disk_size,
    placementGroupId: server.placement_group?.id ?? 0,
    ...imageValue(op, server.image),
    // Only where the server has networks of its own: others may be attached by ServerNetwork.
    ...(inlineNetworks(op.values).length > 0 && { networks: storedNetworks(op.values, server.private_net) }),
  };
}

/** The network and its first address; without one the official provider stores Go's text for nothing. */
function ipv6Values(network: string | null): Values {
  if (network === null || network === "") return { ipv6Network: "<nil>", ipv6Address: "" };
  const [address, bits] = ipaddr.parseCIDR(network);
  return { ipv6Network: `${address.toString()}/${bits}`, ipv6Address: `${address.toString()}1` };
}

/** An official image by its name, unless its id was given; a snapshot has only an id. */
function imageValue(op: Operation, image: ApiServer["image"]): Values {
  if (image === null) return {};
  const id = String(image.id);
  return { image: image.name && id !== op.values.image ? image.name : id };
}

/** Only a hash of the user data is kept: base64 of its SHA-1. */
function hashed(userData: unknown): unknown {
  return typeof userData === "string" ? createHash("sha1").update(userData).digest("base64") : userData;
}

export default {
  token: "hcloud:index/server:Server",
  flavour: "sdk",
  createMinutes: 90,
  fields: {
    name: string({ required: true, autoName: true }),
    serverType: string({ required: true }),
    image: string({ computed: true, replaces: true, invalid: notEmpty("The image") }),
    location: string({ computed: true, replaces: true }),
    datacenter: string({ computed: true, invalid: noDatacenter }),
    userData: string({ replaces: true, stored: hashed }),
    sshKeys: list("string", { replaces: true, invalid: notEmpty("An SSH key") }),
    keepDisk: bool({ default: false }),
    allowDeprecatedImages: bool(),
    backupWindow: string({ output: true, computed: true }),
    backups: bool({ default: false }),
    ipv4Address: string({ output: true, computed: true }),
    ipv6Address: string({ output: true, computed: true }),
    ipv6Network: string({ output: true, computed: true }),
    status: string({ output: true, computed: true }),
    iso: string(),
    rescue: string(),
    labels: labels(),
    publicNets: set(
      {
        ipv4Enabled: bool({ default: true }),
        ipv6Enabled: bool({ default: true }),
        ipv4: int({ computed: true }),
        ipv6: int({ computed: true }),
      },
      { tfName: "public_net" },
    ),
    networks: set(
      {
        networkId: int({ computed: true }),
        subnetId: string({ computed: true }),
        ip: string({ computed: true, invalid: invalidIp }),
        aliasIps: set("string", { computed: true, invalid: invalidIp }),
        macAddress: string({ computed: true, output: true }),
      },
      { tfName: "network" },
    ),
    ignoreRemoteFirewallIds: bool({ default: false }),
    firewallIds: set("int", { computed: true }),
    placementGroupId: int(),
    deleteProtection: bool({ default: false }),
    rebuildProtection: bool({ default: false }),
    shutdownBeforeDeletion: bool({ default: false }),
    primaryDiskSize: int({ output: true, computed: true }),
  },
  prepare: withAliases,
  faults: networkFaults,
  async create(op) {
    const { image, keys, group } = await orderParts(op);
    const publicNet = publicNetBody(op.values);
    // Without any public address it first gets its networks, then it starts.
    const bare = publicNet !== undefined && !publicNet.enable_ipv4 && !publicNet.enable_ipv6;
    const startsLater = bare && inlineNetworks(op.values).length > 0;
    const firewalls = ((op.values.firewallIds ?? []) as number[]).map((firewall) => ({ firewall }));
    const answer = await op.api.post<{ server: ApiServer; action: Action; next_actions?: Action[] }>(
      "/servers",
      {
        name: op.values.name,
        server_type: op.values.serverType,
        image,
        ssh_keys: ifSet(keys),
        location: ifSet(op.values.location),
        user_data: ifSet(op.plain("userData")),
        start_after_create: startsLater ? false : undefined,
        labels: ifSet(op.values.labels),
        firewalls: ifSet(firewalls),
        placement_group: group ?? undefined,
        public_net: publicNet,
      },
    );
    op.made(answer.server.id);
    await op.api.wait(answer.action);
    for (const action of answer.next_actions ?? []) await op.api.wait(action);
    await complete(op, answer.server, startsLater, keys);
    return await fetched(op);
  },
  async read(op) {
    const found = await servers.getByIdOrName(op);
    return found === null ? null : { values: values(op, found) };
  },
  async update(op) {
    await runSteps(op, must(await servers.getByIdOrName(op), `Server ${op.id}`), steps);
    return await fetched(op);
  },
  async delete(op) {
    if (op.values.shutdownBeforeDeletion === true) await shutDown(op);
    await op.api.wait((await op.api.delete<{ action?: Action | null }>(servers.path(op))).action);
  },
} satisfies HcloudType;
