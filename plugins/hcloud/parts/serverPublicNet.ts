import { randomInt } from "node:crypto";
import { same } from "../../server/values.ts";
import type { Action } from "../api/errors.ts";
import type { Operation } from "../operation.ts";
import type { Values } from "../schema.ts";
import { mayPass } from "./collection.ts";

/** A server's public side, as the API gives it. */
export interface PublicNet {
  ipv4: { id: number; ip: string } | null;
  ipv6: { id: number; ip: string } | null;
  firewalls: { id: number }[];
}

type Family = "ipv4" | "ipv6";

/** `publicNets` of a new server as the API wants it; undefined where nothing is said. */
export function publicNetBody(values: Values) {
  const nets = publicNets(values);
  if (nets.length === 0) return undefined;
  const body: { enable_ipv4: boolean; enable_ipv6: boolean; ipv4?: number; ipv6?: number } = {
    enable_ipv4: false,
    enable_ipv6: false,
  };
  for (const net of nets) {
    body.enable_ipv4 = net.ipv4Enabled === true || idOf(net, "ipv4") !== 0;
    body.enable_ipv6 = net.ipv6Enabled === true || idOf(net, "ipv6") !== 0;
    if (idOf(net, "ipv4") !== 0) body.ipv4 = idOf(net, "ipv4");
    if (idOf(net, "ipv6") !== 0) body.ipv6 = idOf(net, "ipv6");
  }
  return body;
}

export async function powerOn(op: Operation): Promise<void> {
  await op.api.retry(() => op.api.act(`/servers/${op.id}/actions/poweron`), mayPass);
}

/** Addresses come and go only while a server is off: it is switched off hard, and on again in any case. */
export async function updatePublicNet(op: Operation, current: PublicNet): Promise<void> {
  const before = publicNets(op.prior);
  const after = publicNets(op.values);
  const gone = before.filter((net) => !after.some((other) => same(net, other))).at(-1);
  const added = after.filter((net) => !before.some((other) => same(net, other)));
  await op.api.act(`/servers/${op.id}/actions/poweroff`);
  try {
    for (const family of ["ipv4", "ipv6"] as const) {
      if (added.length === 0) await giveUpExplicit(op, family, gone, current);
      for (const net of added) await change(op, family, net, gone, current);
    }
  } finally {
    await powerOn(op);
  }
}

function publicNets(values: Values): Values[] {
  return (values.publicNets ?? []) as Values[];
}

function idOf(net: Values | undefined, family: Family): number {
  return Number(net?.[family] ?? 0);
}

/** `publicNets` is dropped: an address that was chosen is let go, the server gets one of its own again. */
async function giveUpExplicit(
  op: Operation,
  family: Family,
  gone: Values | undefined,
  current: PublicNet,
): Promise<void> {
  const assigned = current[family]?.id ?? 0;
  const chosen = idOf(gone, family);
  if (assigned === 0 || chosen === 0) return;
  if (assigned !== chosen) {
    throw new Error(
      `The server's ${family} address is no longer the one that is known: refresh, then go on.`,
    );
  }
  await unassign(op, assigned);
  await createRandom(op, family);
}

async function change(
  op: Operation,
  family: Family,
  net: Values,
  gone: Values | undefined,
  current: PublicNet,
): Promise<void> {
  const enabled = net[`${family}Enabled`] === true;
  const wanted = idOf(net, family);
  const assigned = current[family]?.id ?? 0;
  const chosen = idOf(gone, family);
  const wasEnabled = gone === undefined || gone[`${family}Enabled`] === true;
  if (!enabled && wanted !== 0) {
    throw new Error(`This is not allowed: ${family}Enabled is false and ${family} is ${wanted}.`);
  }
  if (wanted !== 0 || !enabled) {
    if (assigned !== 0) {
      await unassign(op, assigned);
      // An address that nobody chose was made for this server only.
      if (chosen === 0) await op.api.delete(`/primary_ips/${assigned}`);
    }
    if (wanted !== 0) {
      const body = { assignee_id: Number(op.id), assignee_type: "server" };
      await op.api.act(`/primary_ips/${wanted}/actions/assign`, body);
    }
    return;
  }
  if (wasEnabled && chosen !== 0) await unassign(op, chosen);
  if ((!wasEnabled && chosen === 0) || (wasEnabled && chosen !== 0)) await createRandom(op, family);
}

async function unassign(op: Operation, id: number): Promise<void> {
  await op.api.act(`/primary_ips/${id}/actions/unassign`);
}

async function createRandom(op: Operation, type: Family): Promise<void> {
  const { action } = await op.api.post<{ action?: Action | null }>("/primary_ips", {
    name: `primary_ip-${randomInt(1_000_000, 9_999_999)}`,
    type,
    assignee_type: "server",
    assignee_id: Number(op.id),
    auto_delete: true,
  });
  await op.api.wait(action);
}
