import type { Operation } from "../operation.ts";
import { collection, must } from "../parts/collection.ts";
import { exactlyOne, invalidIp } from "../parts/fields.ts";
import { parsePairId, subnetOf } from "../parts/ids.ts";
import { attachServer, detachServer, type PrivateNet } from "../parts/serverAttachment.ts";
import { leaveWrongSubnet } from "../parts/subnetPlan.ts";
import { type HcloudType, int, set, string, type Values } from "../schema.ts";
import { ordered } from "../values/order.ts";

interface ApiServer {
  id: number;
  private_net: PrivateNet[];
}

const servers = collection<ApiServer>("/servers", "server");
const aliasIps = set("string", { computed: true, default: [], invalid: invalidIp });

async function lookup(op: Operation): Promise<Values | null> {
  const [serverId, networkId] = parsePairId(op.id, "<server>-<network>");
  const server = await servers.get(op, serverId);
  const attachment = server?.private_net.find(({ network }) => network === networkId);
  if (attachment === undefined) return null;
  const { ip, alias_ips, mac_address } = attachment;
  return { serverId, networkId, ip, aliasIps: alias_ips, macAddress: mac_address };
}

async function fetched(op: Operation): Promise<Values> {
  return must(await lookup(op), `The attachment of server ${op.values.serverId} to its network`);
}

export default {
  token: "hcloud:index/serverNetwork:ServerNetwork",
  flavour: "framework",
  fields: {
    serverId: int({ required: true, replaces: true }),
    networkId: int({ computed: true, replaces: true }),
    subnetId: string({ replaces: true }),
    ip: string({ computed: true, replaces: true, invalid: invalidIp }),
    aliasIps,
    macAddress: string({ output: true, computed: true }),
  },
  faults: (inputs) => exactlyOne(inputs, "networkId", "subnetId"),
  adjust: leaveWrongSubnet,
  async create(op) {
    const { serverId, networkId, subnetId, ip } = op.values;
    const subnet = subnetId === null ? null : subnetOf(String(subnetId));
    const network = subnet?.network ?? Number(networkId);
    const aliases = ordered(aliasIps, (op.values.aliasIps ?? []) as string[]);
    await attachServer(op, serverId, {
      network,
      ip: ip ?? undefined,
      alias_ips: aliases.length > 0 ? aliases : undefined,
      ip_range: subnet?.range,
    });
    op.made(`${serverId}-${network}`);
    return await fetched(op);
  },
  async read(op) {
    const found = await lookup(op);
    return found === null ? null : { values: found };
  },
  async update(op) {
    const [server, network] = parsePairId(op.id, "<server>-<network>");
    if (op.changes("aliasIps")) {
      const alias_ips = ordered(aliasIps, op.values.aliasIps as string[]);
      await op.api.act(`/servers/${server}/actions/change_alias_ips`, { network, alias_ips });
    }
    return await fetched(op);
  },
  async delete(op) {
    const [server, network] = parsePairId(op.id, "<server>-<network>");
    await detachServer(op, server, network);
  },
} satisfies HcloudType;
