import { same } from "../../server/values.ts";
import type { Action } from "../api/errors.ts";
import type { Operation } from "../operation.ts";
import { collection, ifSet, must, onCodes, put, runSteps, type Step } from "../parts/collection.ts";
import { canonicalCidr, invalidCidr, labels } from "../parts/fields.ts";
import { type FirewallTarget, selectorTarget, serverTarget } from "../parts/firewallTargets.ts";
import { networkOf } from "../parts/ids.ts";
import { type HcloudType, int, set, string, type Values } from "../schema.ts";

interface ApiFirewall {
  id: number;
  name: string;
  labels: Record<string, string>;
  rules: ApiRule[];
  applied_to: FirewallTarget[];
}

interface ApiRule {
  direction: string;
  protocol: string;
  port?: string | null;
  source_ips: string[];
  destination_ips: string[];
  description?: string | null;
}

/** The official provider tries twice as often as usual: servers leave a firewall slowly. */
const DELETE_ATTEMPTS = 10;

const firewalls = collection<ApiFirewall>("/firewalls", "firewall");

const steps: Step<ApiFirewall>[] = [
  put(firewalls, "name"),
  { when: ["rules"], run: setRules },
  put(firewalls, "labels"),
  { when: ["applyTos"], run: moveTargets },
];

/** Rules that are all taken away stay in force: the official provider sends nothing then. */
async function setRules(op: Operation): Promise<void> {
  const rules = rulesOf(op.values);
  if (rules.length > 0) await firewalls.act(op, "set_rules", { rules });
}

async function moveTargets(op: Operation): Promise<void> {
  const before = op.prior.applyTos as Values[];
  const after = op.values.applyTos as Values[];
  const less = before.filter((target) => !after.some((other) => same(target, other)));
  const more = after.filter((target) => !before.some((other) => same(target, other)));
  if (less.length > 0) await removeTargets(op, less.map(targetOf));
  if (more.length > 0) await firewalls.act(op, "apply_to_resources", { apply_to: more.map(targetOf) });
}

async function removeTargets(op: Operation, targets: FirewallTarget[]): Promise<void> {
  try {
    await firewalls.act(op, "remove_from_resources", { remove_from: targets });
  } catch (error) {
    if (!onCodes("firewall_resource_not_found", "not_found")(error)) throw error;
  }
}

function targetOf(target: Values): FirewallTarget {
  return ifSet(target.labelSelector) === undefined
    ? serverTarget(target.server)
    : selectorTarget(target.labelSelector);
}

function rulesOf(values: Values) {
  return (values.rules as Values[]).map((rule) => ({
    direction: rule.direction,
    source_ips: ifSet(rule.sourceIps),
    destination_ips: ifSet(rule.destinationIps),
    protocol: rule.protocol,
    port: ifSet(rule.port),
    description: ifSet(rule.description),
  }));
}

async function fetched(op: Operation): Promise<Values> {
  return values(must(await firewalls.get(op), `Firewall ${op.id}`));
}

function values(firewall: ApiFirewall): Values {
  return {
    name: firewall.name,
    labels: firewall.labels,
    rules: firewall.rules.map((rule) => ({
      direction: rule.direction,
      protocol: rule.protocol,
      port: rule.port ?? "",
      sourceIps: rule.source_ips,
      destinationIps: rule.destination_ips,
      description: rule.description ?? "",
    })),
    applyTos: firewall.applied_to.map((target) => ({
      labelSelector: target.label_selector?.selector ?? "",
      server: target.server?.id ?? 0,
    })),
  };
}

function invalidSource(value: unknown): string | null {
  const range = canonicalCidr(String(value));
  const invalid = invalidCidr(range);
  if (invalid !== null) return invalid;
  const network = networkOf(range);
  return network === range ? null : `"${range}" is not the start of the address range ${network}.`;
}

function canonicalAll(value: unknown): unknown {
  return Array.isArray(value)
    ? value.map((item) => (typeof item === "string" ? canonicalCidr(item) : item))
    : value;
}

const addresses = set("string", { invalid: invalidSource, stored: canonicalAll });

export default {
  token: "hcloud:index/firewall:Firewall",
  flavour: "sdk",
  fields: {
    name: string({ required: true, autoName: true }),
    labels: labels({ computed: true }),
    applyTos: set(
      { labelSelector: string({ computed: true }), server: int({ computed: true }) },
      { computed: true, tfName: "apply_to" },
    ),
    rules: set(
      {
        direction: string({ required: true, oneOf: ["in", "out"] }),
        protocol: string({ required: true, oneOf: ["icmp", "tcp", "udp", "esp", "gre"] }),
        port: string(),
        sourceIps: addresses,
        destinationIps: addresses,
        description: string(),
      },
      { tfName: "rule" },
    ),
  },
  async create(op) {
    const answer = await op.api.post<{ firewall: ApiFirewall; actions?: Action[] }>("/firewalls", {
      name: op.values.name,
      labels: ifSet(op.values.labels),
      rules: ifSet(rulesOf(op.values)),
      apply_to: ifSet((op.values.applyTos as Values[]).map(targetOf)),
    });
    op.made(answer.firewall.id);
    await op.api.wait(...(answer.actions ?? []));
    return await fetched(op);
  },
  async read(op) {
    const found = await firewalls.get(op);
    return found === null ? null : { values: values(found) };
  },
  async update(op) {
    await runSteps(op, must(await firewalls.get(op), `Firewall ${op.id}`), steps);
    return await fetched(op);
  },
  async delete(op) {
    const firewall = await firewalls.get(op);
    if (firewall === null) return;
    if (firewall.applied_to.length > 0) await removeTargets(op, firewall.applied_to.map(bare));
    const remove = async () => {
      try {
        await firewalls.delete(op);
      } catch (error) {
        if (!onCodes("not_found")(error)) throw error;
      }
    };
    await op.api.retry(remove, onCodes("conflict", "resource_in_use"), DELETE_ATTEMPTS);
  },
} satisfies HcloudType;

/** Without what the API adds to it in its answers. */
function bare(target: FirewallTarget): FirewallTarget {
  return target.type === "server"
    ? serverTarget(target.server?.id)
    : selectorTarget(target.label_selector?.selector);
}
