import type { Operation } from "../operation.ts";
import { collection, must, onCodes, unlessGone } from "../parts/collection.ts";
import { invalidCidr, invalidIp } from "../parts/fields.ts";
import { networkOf, parseRangeId } from "../parts/ids.ts";
import { type HcloudType, int, string, type Values } from "../schema.ts";

interface ApiRoute {
  destination: string;
  gateway: string;
}

interface ApiNetwork {
  id: number;
  routes: ApiRoute[];
}

const networks = collection<ApiNetwork>("/networks", "network");

async function lookup(op: Operation): Promise<{ network: ApiNetwork; route: ApiRoute } | null> {
  const parsed = parseRangeId(op.id);
  if (parsed === null) return null;
  const network = await networks.get(op, parsed.network);
  const route = network?.routes.find((candidate) => networkOf(candidate.destination) === parsed.range);
  return network === null || route === undefined ? null : { network, route };
}

function values({ network, route }: { network: ApiNetwork; route: ApiRoute }): Values {
  return { networkId: network.id, destination: route.destination, gateway: route.gateway };
}

export default {
  token: "hcloud:index/networkRoute:NetworkRoute",
  flavour: "sdk",
  fields: {
    networkId: int({ required: true, replaces: true }),
    destination: string({ required: true, replaces: true, invalid: invalidCidr }),
    gateway: string({ required: true, replaces: true, invalid: invalidIp }),
  },
  async create(op) {
    const { networkId, gateway } = op.values;
    const destination = networkOf(String(op.values.destination));
    const path = `/networks/${networkId}/actions/add_route`;
    const body = { destination, gateway };
    const { action } = await op.api.retry(
      () => op.api.post<{ action: never }>(path, body),
      onCodes("conflict"),
    );
    op.made(`${networkId}-${destination}`);
    await op.api.wait(action);
    return values(must(await lookup(op), `Route ${op.id}`));
  },
  async read(op) {
    const found = await lookup(op);
    return found === null
      ? null
      : { id: `${found.network.id}-${found.route.destination}`, values: values(found) };
  },
  async delete(op) {
    const found = await lookup(op);
    if (found === null) return;
    const path = `/networks/${found.network.id}/actions/delete_route`;
    const { destination, gateway } = found.route;
    const remove = () => op.api.act(path, { destination, gateway });
    await unlessGone(() => op.api.retry(remove, onCodes("conflict")));
  },
} satisfies HcloudType;
