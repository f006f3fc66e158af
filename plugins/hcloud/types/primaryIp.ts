import type { Action } from "../api/errors.ts";
import type { Operation } from "../operation.ts";
import { collection, mayPass, must, unlessGone } from "../parts/collection.ts";
import { exactlyOne, frameworkLabels, isGiven, noDatacenter } from "../parts/fields.ts";
import { bool, type HcloudType, int, string, type Values } from "../schema.ts";

interface ApiPrimaryIp {
  id: number;
  name: string;
  type: "ipv4" | "ipv6";
  ip: string;
  location: { name: string };
  assignee_id: number | null;
  assignee_type: string;
  labels: Record<string, string>;
  auto_delete: boolean;
  protection: { delete: boolean };
}

interface ApiServer {
  public_net: { ipv4: { id: number } | null; ipv6: { id: number } | null };
}

/** The official provider tries twice as often as usual: a server lets go of its address slowly. */
const DELETE_ATTEMPTS = 10;

const primaryIps = collection<ApiPrimaryIp>("/primary_ips", "primary_ip");
const servers = collection<ApiServer>("/servers", "server");

function values(ip: ApiPrimaryIp): Values {
  return {
    name: ip.name,
    type: ip.type,
    // An IPv6 address is a whole network: its own address is the network's.
    ipAddress: ip.ip.split("/")[0],
    ipNetwork: ip.type === "ipv6" ? ip.ip : null,
    location: ip.location.name,
    datacenter: null,
    assigneeId: ip.assignee_id ?? 0,
    assigneeType: ip.assignee_type,
    labels: ip.labels,
    autoDelete: ip.auto_delete,
    deleteProtection: ip.protection.delete,
  };
}

async function moveToAssignee(op: Operation): Promise<void> {
  if (Number(op.prior.assigneeId ?? 0) !== 0) await primaryIps.act(op, "unassign");
  const { assigneeId, assigneeType } = op.values;
  if (Number(assigneeId ?? 0) === 0) return;
  await primaryIps.act(op, "assign", { assignee_id: assigneeId, assignee_type: assigneeType });
}

/** An address can only be taken from a server that is off; the server is started again afterwards. */
async function takeFromServer(op: Operation): Promise<void> {
  const id = Number(op.values.assigneeId);
  const server = await servers.get(op, id);
  const { ipv4, ipv6 } = server?.public_net ?? {};
  if (ipv4?.id !== Number(op.id) && ipv6?.id !== Number(op.id)) return;
  await op.api.act(`/servers/${id}/actions/poweroff`);
  await primaryIps.act(op, "unassign");
  await op.api.act(`/servers/${id}/actions/poweron`);
}

export default {
  token: "hcloud:index/primaryIp:PrimaryIp",
  flavour: "framework",
  numericId: true,
  fields: {
    name: string({ required: true, autoName: true }),
    type: string({ required: true, replaces: true, oneOf: ["ipv4", "ipv6"] }),
    location: string({ computed: true, replaces: true }),
    datacenter: string({ computed: true, invalid: noDatacenter }),
    assigneeId: int({ computed: true, unknownOnUpdate: true }),
    assigneeType: string({ computed: true, unknownOnUpdate: true }),
    autoDelete: bool({ computed: true, default: false }),
    labels: frameworkLabels,
    deleteProtection: bool({ computed: true, default: false }),
    ipAddress: string({ output: true, computed: true }),
    ipNetwork: string({ output: true, computed: true }),
  },
  faults(inputs) {
    const failures = exactlyOne(inputs, "location", "assigneeId");
    if (isGiven(inputs.assigneeId) && !isGiven(inputs.assigneeType)) {
      failures.push({
        property: "assigneeType",
        reason: "assigneeType must be given together with assigneeId.",
      });
    }
    return failures;
  },
  warnings(inputs) {
    if (!isGiven(inputs.assigneeType) || isGiven(inputs.assigneeId)) return [];
    return ['property "assigneeType": it only says something together with assigneeId; leave it out.'];
  },
  async create(op) {
    const { name, type, labels, autoDelete, location, assigneeId, assigneeType } = op.values;
    const place = location === null ? { assignee_id: assigneeId, assignee_type: assigneeType } : { location };
    const body = { name, type, labels, auto_delete: autoDelete, ...place };
    const answer = await op.api.post<{ primary_ip: ApiPrimaryIp; action?: Action | null }>(
      "/primary_ips",
      body,
    );
    op.made(answer.primary_ip.id);
    await op.api.wait(answer.action);
    if (op.values.deleteProtection === true) await primaryIps.act(op, "change_protection", { delete: true });
    return values(must(await primaryIps.get(op), `Primary IP ${op.id}`));
  },
  async read(op) {
    const found = await primaryIps.get(op);
    return found === null ? null : { values: values(found) };
  },
  async update(op) {
    const { name, labels, autoDelete, deleteProtection } = op.values;
    if (op.changes("deleteProtection"))
      await primaryIps.act(op, "change_protection", { delete: deleteProtection });
    if (op.asks("assigneeId", "assigneeType")) await moveToAssignee(op);
    const body = {
      ...(op.changes("name") && { name }),
      ...(op.changes("labels") && { labels }),
      ...(op.changes("autoDelete") && { auto_delete: autoDelete }),
    };
    // Sent even when empty: its answer is what is stored.
    return values(await primaryIps.put(op, body));
  },
  async delete(op) {
    if (Number(op.values.assigneeId ?? 0) !== 0) await takeFromServer(op);
    await op.api.retry(() => unlessGone(() => primaryIps.delete(op)), mayPass, DELETE_ATTEMPTS);
  },
} satisfies HcloudType;
