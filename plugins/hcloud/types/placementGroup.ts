import type { Action } from "../api/errors.ts";
import type { Operation } from "../operation.ts";
import { collection, ifSet, must, put, runSteps } from "../parts/collection.ts";
import { labels } from "../parts/fields.ts";
import { type HcloudType, set, string, type Values } from "../schema.ts";

interface ApiPlacementGroup {
  id: number;
  name: string;
  type: string;
  labels: Record<string, string>;
  servers: number[];
}

const groups = collection<ApiPlacementGroup>("/placement_groups", "placement_group");
const steps = [put(groups, "name"), put(groups, "labels")];

async function fetched(op: Operation): Promise<Values> {
  return values(must(await groups.get(op), `Placement group ${op.id}`));
}

function values(group: ApiPlacementGroup): Values {
  return { name: group.name, type: group.type, labels: group.labels, servers: group.servers };
}

export default {
  token: "hcloud:index/placementGroup:PlacementGroup",
  flavour: "sdk",
  fields: {
    name: string({ required: true, autoName: true }),
    type: string({ required: true, oneOf: ["spread"] }),
    labels: labels(),
    servers: set("int", { output: true, computed: true }),
  },
  async create(op) {
    const { name, type } = op.values;
    const body = { name, labels: ifSet(op.values.labels), type };
    const answer = await op.api.post<{ placement_group: ApiPlacementGroup; action?: Action | null }>(
      "/placement_groups",
      body,
    );
    op.made(answer.placement_group.id);
    await op.api.wait(answer.action);
    return await fetched(op);
  },
  async read(op) {
    const found = await groups.get(op);
    return found === null ? null : { values: values(found) };
  },
  async update(op) {
    await runSteps(op, must(await groups.get(op), `Placement group ${op.id}`), steps);
    return await fetched(op);
  },
  delete: async (op) => await groups.delete(op),
} satisfies HcloudType;
