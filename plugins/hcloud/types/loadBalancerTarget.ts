import { createHash } from "node:crypto";
import type { Action } from "../api/errors.ts";
import type { Operation } from "../operation.ts";
import { collection, ifSet, must, onCodes } from "../parts/collection.ts";
import { exactlyOne, isGiven } from "../parts/fields.ts";
import { type ApiLoadBalancer, type ApiTarget, loadBalancers } from "../parts/loadBalancer.ts";
import { bool, type HcloudType, int, string, type Values } from "../schema.ts";

type Target = { type: ApiTarget["type"]; serverId: number; labelSelector: string; ip: string };

const servers = collection<{ id: number }>("/servers", "server");

/** Which target is meant: by the known values, or, in an import, by `<load balancer>__<type>__<target>`. */
function meant(op: Operation): { loadBalancer: number; target: Target } {
  const { loadBalancerId, type, serverId, labelSelector, ip } = op.values;
  if (isGiven(loadBalancerId)) {
    const target = {
      type: String(type) as ApiTarget["type"],
      serverId: Number(serverId ?? 0),
      labelSelector: String(labelSelector ?? ""),
      ip: String(ip ?? ""),
    };
    return { loadBalancer: Number(loadBalancerId), target };
  }
  const [, id, kind, name] = /^(\d+)__(server|label_selector|ip)__(.+)$/s.exec(op.id) ?? [];
  if (id === undefined || kind === undefined || name === undefined) {
    throw new Error(`The id "${op.id}" cannot be imported: it must be <load balancer>__<type>__<target>.`);
  }
  const target = { serverId: Number(kind === "server" ? name : 0), labelSelector: name, ip: name };
  return { loadBalancer: Number(id), target: { type: kind as ApiTarget["type"], ...target } };
}

async function lookup(op: Operation): Promise<{ loadBalancer: ApiLoadBalancer; target: ApiTarget } | null> {
  const { loadBalancer: id, target } = meant(op);
  const loadBalancer = await loadBalancers.get(op, id);
  const found = loadBalancer?.targets.find(
    (candidate) =>
      (candidate.type === "server" && candidate.server?.id === target.serverId) ||
      (candidate.type === "label_selector" && candidate.label_selector?.selector === target.labelSelector) ||
      (candidate.type === "ip" && candidate.ip?.ip === target.ip),
  );
  return loadBalancer === null || found === undefined ? null : { loadBalancer, target: found };
}

function idOf(loadBalancer: number, target: ApiTarget): string {
  const hash = (text: string) => createHash("sha256").update(text).digest("hex");
  if (target.type === "server") return `lb-srv-tgt-${target.server?.id}-${loadBalancer}`;
  if (target.type === "ip") return `lb-ip-tgt-${hash(target.ip?.ip ?? "")}-${loadBalancer}`;
  return `lb-label-selector-tgt-${hash(target.label_selector?.selector ?? "")}-${loadBalancer}`;
}

function values(loadBalancerId: number, target: ApiTarget): Values {
  const common = { loadBalancerId, type: target.type };
  if (target.type === "ip") return { ...common, ip: target.ip?.ip };
  const usePrivateIp = target.use_private_ip ?? false;
  return target.type === "server"
    ? { ...common, serverId: target.server?.id, usePrivateIp }
    : { ...common, labelSelector: target.label_selector?.selector, usePrivateIp };
}

async function add(op: Operation): Promise<{ loadBalancer: number; target: ApiTarget }> {
  const { loadBalancer: id, target: wanted } = meant(op);
  const loadBalancer = must(await loadBalancers.get(op, id), `Load balancer ${id}`);
  const target = targetOf(wanted);
  if (wanted.type === "server") await readyForServer(op, loadBalancer, wanted.serverId);
  const usePrivateIp = ifSet(op.values.usePrivateIp);
  if (usePrivateIp !== undefined && wanted.type !== "ip") target.use_private_ip = true;
  try {
    await op.api.act(`/load_balancers/${id}/actions/add_target`, target);
  } catch (error) {
    if (!onCodes("target_already_defined")(error)) throw error;
  }
  return { loadBalancer: id, target };
}

function targetOf(target: Target): ApiTarget {
  const { type } = target;
  if (type === "server") return { type, server: { id: target.serverId } };
  if (type === "ip") return { type, ip: { ip: target.ip } };
  return { type, label_selector: { selector: target.labelSelector } };
}

/** The server exists, and the load balancer is in a network where it is to use private addresses. */
async function readyForServer(op: Operation, seen: ApiLoadBalancer, serverId: number): Promise<void> {
  must(await servers.get(op, serverId), `Server ${serverId}`);
  let loadBalancer = seen;
  const noNetwork = new Error(
    `Load balancer ${seen.id} is in no private network, but the target is to use one.`,
  );
  const look = async () => {
    const before = loadBalancer;
    loadBalancer = must(await loadBalancers.get(op, seen.id), `Load balancer ${seen.id}`);
    if (op.values.usePrivateIp === true && before.private_net.length === 0) throw noNetwork;
  };
  await op.api.retry(look, (error) => error === noNetwork);
}

async function remove(op: Operation, loadBalancer: ApiLoadBalancer, target: ApiTarget): Promise<void> {
  const path = `/load_balancers/${loadBalancer.id}/actions/remove_target`;
  const { type, server, label_selector, ip } = target;
  const named =
    type === "server" ? { server: { id: server?.id } } : type === "ip" ? { ip } : { label_selector };
  try {
    const send = () => op.api.post<{ action: Action }>(path, { type, ...named });
    const { action } = await op.api.retry(send, onCodes("conflict", "locked"));
    await op.api.wait(action);
  } catch (error) {
    const gone = error instanceof Error && error.message.includes("target not found");
    if (!gone && !onCodes("load_balancer_target_not_found")(error)) throw error;
  }
}

export default {
  token: "hcloud:index/loadBalancerTarget:LoadBalancerTarget",
  flavour: "sdk",
  fields: {
    type: string({ required: true, oneOf: ["server", "label_selector", "ip"] }),
    loadBalancerId: int({ required: true, replaces: true }),
    serverId: int({ replaces: true }),
    labelSelector: string({ replaces: true }),
    ip: string({ replaces: true }),
    usePrivateIp: bool({ computed: true }),
  },
  faults(inputs) {
    const failures = exactlyOne(inputs, "serverId", "labelSelector", "ip");
    if (isGiven(inputs.ip) && isGiven(inputs.usePrivateIp)) {
      failures.push({ property: "usePrivateIp", reason: "usePrivateIp cannot be given together with ip." });
    }
    return failures;
  },
  async create(op) {
    const { loadBalancer, target } = await add(op);
    op.made(idOf(loadBalancer, target));
    return values(loadBalancer, target);
  },
  async read(op) {
    const found = await lookup(op);
    if (found === null) return null;
    const { loadBalancer, target } = found;
    return { id: idOf(loadBalancer.id, target), values: values(loadBalancer.id, target) };
  },
  async update(op) {
    const { loadBalancer, target } = must(await lookup(op), `The target ${op.id}`);
    await remove(op, loadBalancer, target);
    const added = await add(op);
    return values(added.loadBalancer, added.target);
  },
  async delete(op) {
    const found = await lookup(op);
    if (found !== null) await remove(op, found.loadBalancer, found.target);
  },
} satisfies HcloudType;
