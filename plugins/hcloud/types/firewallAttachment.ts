import { same } from "../../server/values.ts";
import type { Action } from "../api/errors.ts";
import type { Operation } from "../operation.ts";
import { collection, must, onCodes } from "../parts/collection.ts";
import { isGiven } from "../parts/fields.ts";
import { type FirewallTarget, selectorTarget, serverTarget } from "../parts/firewallTargets.ts";
import { type Found, type HcloudType, int, set, type Values } from "../schema.ts";

interface ApiFirewall {
  id: number;
  applied_to: FirewallTarget[];
}

const firewalls = collection<ApiFirewall>("/firewalls", "firewall");

function known(values: Values): { servers: number[]; selectors: string[] } {
  const servers = [...((values.serverIds as number[] | null) ?? [])].sort((a, b) => a - b);
  const selectors = [...((values.labelSelectors as string[] | null) ?? [])].sort();
  return { servers, selectors };
}

function applied(firewall: ApiFirewall): { servers: number[]; selectors: string[] } {
  const { applied_to } = firewall;
  return {
    servers: applied_to.flatMap(({ server }) => (server === undefined ? [] : [server.id])),
    selectors: applied_to.flatMap(({ label_selector }) => label_selector?.selector ?? []),
  };
}

function targets({ servers, selectors }: { servers: number[]; selectors: string[] }): FirewallTarget[] {
  return [...servers.map(serverTarget), ...selectors.map(selectorTarget)];
}

function without(left: ReturnType<typeof known>, right: ReturnType<typeof known>) {
  return {
    servers: left.servers.filter((id) => !right.servers.includes(id)),
    selectors: left.selectors.filter((selector) => !right.selectors.includes(selector)),
  };
}

/**
 * What is known together with what the API says, as the official provider has it: an attachment that is gone in
 * the API is not noticed.
 */
async function fetched(op: Operation): Promise<Found | null> {
  const id = Number(op.values.firewallId ?? 0) || Number(op.id);
  const firewall = await firewalls.get(op, id);
  if (firewall === null) return null;
  const mine = known(op.values);
  const there = applied(firewall);
  return {
    values: {
      firewallId: id,
      serverIds: [...new Set([...mine.servers, ...there.servers])],
      labelSelectors: [...new Set([...mine.selectors, ...there.selectors])],
    },
  };
}

export default {
  token: "hcloud:index/firewallAttachment:FirewallAttachment",
  flavour: "sdk",
  fields: {
    firewallId: int({ required: true, replaces: true }),
    serverIds: set("int"),
    labelSelectors: set("string"),
  },
  faults(inputs) {
    const names = ["serverIds", "labelSelectors"];
    if (names.some((name) => isGiven(inputs[name]) && !same(inputs[name], []))) return [];
    return [{ property: "serverIds", reason: "At least one of serverIds and labelSelectors must be given." }];
  },
  async create(op) {
    const { firewallId } = op.values;
    const path = `/firewalls/${firewallId}/actions/apply_to_resources`;
    try {
      const { actions } = await op.api.post<{ actions?: Action[] }>(path, {
        apply_to: targets(known(op.values)),
      });
      op.made(String(firewallId));
      await op.api.wait(...(actions ?? []));
    } catch (error) {
      if (!onCodes("firewall_already_applied")(error)) throw error;
      op.made(String(firewallId));
    }
    return must(await fetched(op), `Firewall ${firewallId}`).values;
  },
  read: fetched,
  async update(op) {
    const firewall = must(await firewalls.get(op), `Firewall ${op.id}`);
    const less = targets(without(applied(firewall), known(op.values)));
    const more = targets(without(known(op.values), applied(firewall)));
    const send = (action: string, body: object) =>
      op.api.post<{ actions?: Action[] }>(`${firewalls.path(op)}/actions/${action}`, body);
    // Both are sent even with nothing in them, and waited for together, as the official provider does.
    const removed = await send("remove_from_resources", { remove_from: less });
    const added = await send("apply_to_resources", { apply_to: more });
    await op.api.wait(...(removed.actions ?? []), ...(added.actions ?? []));
    return must(await fetched(op), `Firewall ${op.id}`).values;
  },
  async delete(op) {
    const path = `/firewalls/${op.values.firewallId}/actions/remove_from_resources`;
    await op.api.act(path, { remove_from: targets(known(op.values)) });
  },
} satisfies HcloudType;
