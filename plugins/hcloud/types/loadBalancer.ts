import type { Action } from "../api/errors.ts";
import type { Operation } from "../operation.ts";
import { ifSet, must, protect, put, runSteps, type Step, unlessGone } from "../parts/collection.ts";
import { labels } from "../parts/fields.ts";
import { serverTarget } from "../parts/firewallTargets.ts";
import { type ApiLoadBalancer, loadBalancers } from "../parts/loadBalancer.ts";
import { bool, type HcloudType, int, set, single, string, type Values } from "../schema.ts";

const steps: Step<ApiLoadBalancer>[] = [
  put(loadBalancers, "name"),
  {
    when: ["loadBalancerType"],
    run: (op) => loadBalancers.act(op, "change_type", { load_balancer_type: op.values.loadBalancerType }),
  },
  {
    when: ["algorithm"],
    run: (op) => loadBalancers.act(op, "change_algorithm", { type: algorithmOf(op.values) }),
  },
  put(loadBalancers, "labels"),
  { when: ["targets"], run: setTargets },
  protect(loadBalancers),
];

function algorithmOf(values: Values): unknown {
  const [algorithm] = (values.algorithm ?? []) as Values[];
  return ifSet(algorithm?.type);
}

function targetIds(values: Values): number[] {
  return ((values.targets ?? []) as Values[]).map((target) => Number(target.serverId));
}

/** The legacy targets, which are servers only. */
async function setTargets(op: Operation, loadBalancer: ApiLoadBalancer): Promise<void> {
  const wanted = targetIds(op.values);
  const there = loadBalancer.targets.flatMap(({ server }) => (server === undefined ? [] : [server.id]));
  for (const id of there.filter((server) => !wanted.includes(server))) {
    await loadBalancers.act(op, "remove_target", serverTarget(id));
  }
  const left = must(await loadBalancers.getByIdOrName(op), `Load balancer ${op.id}`);
  const kept = left.targets.map(({ server }) => server?.id);
  for (const id of wanted.filter((server) => !kept.includes(server))) {
    await loadBalancers.act(op, "add_target", serverTarget(id));
  }
}

async function fetched(op: Operation): Promise<Values> {
  return values(must(await loadBalancers.getByIdOrName(op), `Load balancer ${op.id}`));
}

function values(loadBalancer: ApiLoadBalancer): Values {
  const [network] = loadBalancer.private_net;
  return {
    name: loadBalancer.name,
    loadBalancerType: loadBalancer.load_balancer_type.name,
    ipv4: loadBalancer.public_net.ipv4.ip,
    ipv6: loadBalancer.public_net.ipv6.ip,
    location: loadBalancer.location.name,
    networkZone: loadBalancer.location.network_zone,
    algorithm: [{ type: loadBalancer.algorithm.type }],
    labels: loadBalancer.labels,
    targets: loadBalancer.targets.map(({ type, server }) => ({
      type,
      serverId: server?.id ?? 0,
      usePrivateIp: false,
    })),
    deleteProtection: loadBalancer.protection.delete,
    ...(network !== undefined && { networkId: network.network, networkIp: network.ip }),
  };
}

export default {
  token: "hcloud:index/loadBalancer:LoadBalancer",
  flavour: "sdk",
  fields: {
    name: string({ required: true, autoName: true }),
    loadBalancerType: string({ required: true }),
    ipv4: string({ output: true, computed: true }),
    ipv6: string({ output: true, computed: true }),
    location: string({ computed: true, replaces: true }),
    networkZone: string({ computed: true, replaces: true }),
    networkId: int({ output: true, computed: true }),
    networkIp: string({ output: true, computed: true }),
    algorithm: single(
      { type: string({ computed: true, oneOf: ["round_robin", "least_connections"] }) },
      { computed: true },
    ),
    labels: labels({ computed: true }),
    targets: set(
      {
        type: string({ required: true, oneOf: ["server"] }),
        serverId: int(),
        usePrivateIp: bool({ default: false }),
      },
      { computed: true, tfName: "target" },
    ),
    deleteProtection: bool({ default: false }),
  },
  async create(op) {
    const { name, loadBalancerType, location, networkZone } = op.values;
    const algorithm = algorithmOf(op.values);
    const body = {
      name,
      load_balancer_type: loadBalancerType,
      algorithm: algorithm === undefined ? undefined : { type: algorithm },
      location: ifSet(location),
      network_zone: ifSet(networkZone),
      labels: ifSet(op.values.labels),
      targets: ifSet(targetIds(op.values).map(serverTarget)),
    };
    const answer = await op.api.post<{ load_balancer: ApiLoadBalancer; action: Action }>(
      "/load_balancers",
      body,
    );
    op.made(answer.load_balancer.id);
    await op.api.wait(answer.action);
    if (op.values.deleteProtection === true)
      await loadBalancers.act(op, "change_protection", { delete: true });
    return await fetched(op);
  },
  async read(op) {
    const found = await loadBalancers.getByIdOrName(op);
    return found === null ? null : { values: values(found) };
  },
  async update(op) {
    await runSteps(op, must(await loadBalancers.getByIdOrName(op), `Load balancer ${op.id}`), steps);
    return await fetched(op);
  },
  async delete(op) {
    if ((await loadBalancers.getByIdOrName(op)) === null) return;
    await unlessGone(() => loadBalancers.delete(op));
  },
} satisfies HcloudType;
