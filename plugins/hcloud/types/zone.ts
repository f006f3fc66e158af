import type { Action } from "../api/errors.ts";
import type { Operation } from "../operation.ts";
import { collection, must, onCodes } from "../parts/collection.ts";
import { frameworkLabels, isGiven } from "../parts/fields.ts";
import { bool, type HcloudType, int, list, object, string, type Values } from "../schema.ts";

interface ApiZone {
  id: number;
  name: string;
  mode: string;
  ttl: number;
  labels: Record<string, string>;
  protection: { delete: boolean };
  primary_nameservers?: ApiNameserver[];
  authoritative_nameservers: { assigned: string[] };
  registrar: string;
}

interface ApiNameserver {
  address: string;
  port?: number;
  tsig_algorithm?: string;
  tsig_key?: string;
}

const zones = collection<ApiZone>("/zones", "zone");

function values(zone: ApiZone): Values {
  return {
    name: zone.name,
    mode: zone.mode,
    ttl: zone.ttl,
    labels: zone.labels,
    deleteProtection: zone.protection.delete,
    primaryNameservers: (zone.primary_nameservers ?? []).map((server) => ({
      address: server.address,
      port: server.port ?? null,
      tsigAlgorithm: server.tsig_algorithm || null,
      tsigKey: server.tsig_key || null,
    })),
    authoritativeNameservers: { assigneds: zone.authoritative_nameservers.assigned },
    registrar: zone.registrar,
  };
}

function nameservers(values: Values): ApiNameserver[] | undefined {
  const given = values.primaryNameservers as Values[] | null;
  return given?.map((server) => ({
    address: String(server.address),
    port: Number(server.port),
    ...(server.tsigAlgorithm !== null && { tsig_algorithm: String(server.tsigAlgorithm) }),
    ...(server.tsigKey !== null && { tsig_key: String(server.tsigKey) }),
  }));
}

async function post(op: Operation, action: string, body: object): Promise<Action> {
  return (await op.api.post<{ action: Action }>(`${zones.path(op)}/actions/${action}`, body)).action;
}

export default {
  token: "hcloud:index/zone:Zone",
  flavour: "framework",
  numericId: true,
  fields: {
    name: string({ required: true, replaces: true, autoName: true }),
    mode: string({ required: true, replaces: true }),
    ttl: int({ computed: true, default: 3600 }),
    labels: frameworkLabels,
    deleteProtection: bool({ computed: true, unknownOnUpdate: true }),
    primaryNameservers: list(
      {
        address: string({ required: true }),
        port: int({ computed: true, default: 53 }),
        tsigAlgorithm: string(),
        tsigKey: string(),
      },
      { computed: true, unknownOnUpdate: true },
    ),
    authoritativeNameservers: object(
      { assigneds: list("string", { computed: true, output: true, tfName: "assigned" }) },
      { computed: true, output: true, unknownOnUpdate: true },
    ),
    registrar: string({ computed: true, output: true, unknownOnUpdate: true }),
  },
  faults(inputs) {
    const property = "primaryNameservers";
    if (inputs.mode === "primary" && isGiven(inputs.primaryNameservers)) {
      return [{ property, reason: "primaryNameservers cannot be given when the mode is primary." }];
    }
    if (inputs.mode === "secondary" && !isGiven(inputs.primaryNameservers)) {
      return [{ property, reason: "primaryNameservers must be given when the mode is secondary." }];
    }
    return [];
  },
  async create(op) {
    const { name, mode, ttl, labels, deleteProtection } = op.values;
    const body = { name, mode, ttl, labels, primary_nameservers: nameservers(op.values) };
    const answer = await op.api.post<{ zone: ApiZone; action: Action }>("/zones", body);
    op.made(answer.zone.id);
    const actions = [answer.action];
    if (deleteProtection !== null)
      actions.push(await post(op, "change_protection", { delete: deleteProtection }));
    await op.api.wait(...actions);
    return values(must(await zones.get(op), `Zone ${op.id}`));
  },
  async read(op) {
    const byName = /^\d+$/.test(op.id) ? null : await zones.getByIdOrName(op);
    const found = byName ?? (await zones.get(op));
    return found === null ? null : { id: String(found.id), values: values(found) };
  },
  async update(op) {
    const { ttl, labels, deleteProtection } = op.values;
    const actions: Action[] = [];
    if (op.asks("ttl")) actions.push(await post(op, "change_ttl", { ttl }));
    if (op.asks("primaryNameservers")) {
      const body = { primary_nameservers: nameservers(op.values) ?? [] };
      actions.push(await post(op, "change_primary_nameservers", body));
    }
    if (op.asks("deleteProtection")) {
      actions.push(await post(op, "change_protection", { delete: deleteProtection }));
    }
    await op.api.wait(...actions);
    // Sent even when empty: its answer is what is stored.
    return values(await zones.put(op, op.asks("labels") ? { labels } : {}));
  },
  async delete(op) {
    try {
      await op.api.wait((await op.api.delete<{ action?: Action }>(zones.path(op))).action);
    } catch (error) {
      if (!onCodes("not_found")(error)) throw error;
    }
  },
} satisfies HcloudType;
