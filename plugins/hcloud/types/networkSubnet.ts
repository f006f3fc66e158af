import { hasCode } from "../api/errors.ts";
import type { Operation } from "../operation.ts";
import { collection, ifSet, must, onCodes } from "../parts/collection.ts";
import { invalidCidr } from "../parts/fields.ts";
import { networkOf, parseRangeId } from "../parts/ids.ts";
import { type HcloudType, int, string, type Values } from "../schema.ts";

interface ApiSubnet {
  type: string;
  ip_range: string;
  network_zone: string;
  gateway: string;
  vswitch_id?: number | null;
}

interface ApiNetwork {
  id: number;
  subnets: ApiSubnet[];
}

const networks = collection<ApiNetwork>("/networks", "network");
/** The official provider tries ten times as often as usual: servers leave a network slowly. */
const DELETE_ATTEMPTS = 50;

async function lookup(op: Operation): Promise<{ network: ApiNetwork; subnet: ApiSubnet } | null> {
  const parsed = parseRangeId(op.id);
  if (parsed === null) return null;
  const network = await networks.get(op, parsed.network);
  const subnet = network?.subnets.find((candidate) => networkOf(candidate.ip_range) === parsed.range);
  return network === null || subnet === undefined ? null : { network, subnet };
}

function values({ network, subnet }: { network: ApiNetwork; subnet: ApiSubnet }): Values {
  return {
    networkId: network.id,
    networkZone: subnet.network_zone,
    ipRange: subnet.ip_range,
    type: subnet.type,
    gateway: subnet.gateway,
    ...(subnet.type === "vswitch" && { vswitchId: subnet.vswitch_id ?? null }),
  };
}

/** The subnet still has servers or load balancers in it. */
function isInUse(error: unknown): boolean {
  const text = error instanceof Error ? error.message : "";
  return (
    hasCode(error, "service_error") &&
    (text.includes("servers are attached") || text.includes("network has attached resources"))
  );
}

export default {
  token: "hcloud:index/networkSubnet:NetworkSubnet",
  flavour: "sdk",
  fields: {
    networkId: int({ required: true, replaces: true }),
    type: string({ required: true, replaces: true, oneOf: ["cloud", "server", "vswitch"] }),
    networkZone: string({ required: true, replaces: true }),
    ipRange: string({ required: true, replaces: true, invalid: invalidCidr }),
    vswitchId: int({ replaces: true }),
    gateway: string({ output: true, computed: true }),
  },
  async create(op) {
    const { networkId, type, networkZone, vswitchId } = op.values;
    const range = networkOf(String(op.values.ipRange));
    const body = {
      type,
      ip_range: range,
      network_zone: networkZone,
      vswitch_id: type === "vswitch" ? ifSet(vswitchId) : undefined,
    };
    const path = `/networks/${networkId}/actions/add_subnet`;
    const again = onCodes("conflict", "vswitch_id_already_used");
    const { action } = await op.api.retry(() => op.api.post<{ action: never }>(path, body), again);
    op.made(`${networkId}-${range}`);
    await op.api.wait(action);
    return values(must(await lookup(op), `Subnet ${op.id}`));
  },
  async read(op) {
    const found = await lookup(op);
    return found === null
      ? null
      : { id: `${found.network.id}-${found.subnet.ip_range}`, values: values(found) };
  },
  async delete(op) {
    const remove = async () => {
      const found = await lookup(op);
      if (found === null) return;
      const path = `/networks/${found.network.id}/actions/delete_subnet`;
      const body = { ip_range: found.subnet.ip_range };
      const { action } = await op.api.post<{ action: never }>(path, body);
      await op.api.wait(action);
    };
    try {
      const again = (error: unknown) => hasCode(error, "conflict", "locked") || isInUse(error);
      await op.api.retry(remove, again, DELETE_ATTEMPTS);
    } catch (error) {
      // What is still attached goes with the network, which is about to be deleted as well.
      if (!hasCode(error, "not_found") && !isInUse(error)) throw error;
    }
  },
} satisfies HcloudType;
