import { setTimeout as sleep } from "node:timers/promises";
import { getOne, type HetznerItem } from "../../../clients/hetzner.ts";
import type { Topology } from "../../../infra/topology.ts";
import { type Check, combine, type Finding } from "../check.ts";

type Declared = Topology["loadBalancers"][number];

/** What Hetzner says of a load balancer's targets. */
interface Target {
  server?: { id: number };
  health_status?: { listen_port: number; status: "healthy" | "unhealthy" | "unknown" }[];
}

/** Whether every machine behind a load balancer is there, and well on every port. */
export const loadBalancers: Check = {
  name: "load-balancers",
  async run({ cloud, topology }) {
    const { loadBalancers: declared, machines, stack } = topology;
    if (declared.length === 0) return { ok: true, detail: "none in this phase" };
    if ("unavailable" in cloud) return { ok: false, detail: `could not be asked: ${cloud.unavailable}` };
    const names = new Map(machines.map(({ name, serverId }) => [Number(serverId), name]));
    const look = async (balancer: Declared) =>
      judge(balancer, await getOne(cloud, "load_balancers", balancer.loadBalancerId), names, stack);
    return combine(await Promise.all(declared.map((balancer) => persistently(() => look(balancer)))));
  },
};

/** Two of the slowest health checks: what has just begun to serve is not known to be well before. */
const patience = 21_000;

async function persistently(look: () => Promise<Finding>): Promise<Finding> {
  const end = performance.now() + patience;
  for (;;) {
    const finding = await look();
    if (finding.ok || performance.now() > end) return finding;
    await sleep(1000);
  }
}

/** @param machines Names by the server's id. */
export function judge(
  declared: Declared,
  found: HetznerItem | null,
  machines: Map<number, string>,
  stack: string,
): Finding {
  const fix = `npx phasewise up ${stack}`;
  if (!found) return { ok: false, detail: `${declared.name} does not exist at Hetzner`, fix };
  const targets = new Map(
    (found.targets as Target[]).flatMap((target) => {
      const name = machines.get(target.server?.id ?? 0);
      return name === undefined ? [] : [[name, target.health_status ?? []] as const];
    }),
  );
  const missing = declared.machines.filter((name) => !targets.has(name));
  const sick = declared.machines.flatMap((name) =>
    declared.ports.flatMap((port) => {
      const status = targets.get(name)?.find((health) => health.listen_port === port)?.status ?? "unknown";
      return !targets.has(name) || status === "healthy" ? [] : [`${name} is ${status} on ${port}`];
    }),
  );
  if (missing.length === 0 && sick.length === 0) {
    return { ok: true, detail: `${declared.name}: ${declared.machines.join(", ")} healthy` };
  }
  const faults = [...missing.map((name) => `${name} is no target`), ...sick];
  return {
    ok: false,
    detail: `${declared.name}: ${faults.join("; ")}`,
    fix: missing.length > 0 ? fix : `npx phasewise logs ${stack} <machine> tells why`,
  };
}
