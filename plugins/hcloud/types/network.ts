import type { Operation } from "../operation.ts";
import { collection, ifSet, must, protect, put, runSteps, unlessGone } from "../parts/collection.ts";
import { invalidCidr, labels } from "../parts/fields.ts";
import { bool, type HcloudType, string, type Values } from "../schema.ts";

interface ApiNetwork {
  id: number;
  name: string;
  ip_range: string;
  labels: Record<string, string>;
  protection: { delete: boolean };
  expose_routes_to_vswitch: boolean;
}

const networks = collection<ApiNetwork>("/networks", "network");

const steps = [
  put(networks, "name"),
  put(networks, "labels"),
  put(networks, "exposeRoutesToVswitch", "expose_routes_to_vswitch"),
  protect(networks),
];

async function fetched(op: Operation): Promise<Values> {
  return values(must(await networks.getByIdOrName(op), `Network ${op.id}`));
}

function values(network: ApiNetwork): Values {
  return {
    name: network.name,
    ipRange: network.ip_range,
    labels: network.labels,
    deleteProtection: network.protection.delete,
    exposeRoutesToVswitch: network.expose_routes_to_vswitch,
  };
}

export default {
  token: "hcloud:index/network:Network",
  flavour: "sdk",
  fields: {
    name: string({ required: true, autoName: true }),
    ipRange: string({ required: true, replaces: true, invalid: invalidCidr }),
    labels: labels(),
    deleteProtection: bool({ default: false }),
    exposeRoutesToVswitch: bool({ default: false }),
  },
  async create(op) {
    const { network } = await op.api.post<{ network: ApiNetwork }>("/networks", {
      name: op.values.name,
      ip_range: op.values.ipRange,
      labels: ifSet(op.values.labels),
      expose_routes_to_vswitch: op.values.exposeRoutesToVswitch,
    });
    op.made(network.id);
    if (op.values.deleteProtection === true) await networks.act(op, "change_protection", { delete: true });
    return await fetched(op);
  },
  async read(op) {
    const found = await networks.getByIdOrName(op);
    return found === null ? null : { values: values(found) };
  },
  async update(op) {
    await runSteps(op, must(await networks.getByIdOrName(op), `Network ${op.id}`), steps);
    return await fetched(op);
  },
  delete: async (op) => await unlessGone(() => networks.delete(op)),
} satisfies HcloudType;
