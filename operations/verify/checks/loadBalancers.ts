import { setTimeout as sleep } from "node:timers/promises";
import { getOne, type HetznerItem } from "../../../clients/hetzner.ts";
import type { Topology } from "../../../infra/topology.ts";
import { type Check, combine, type Finding, type World } from "../check.ts";
import { type HealthCheck, whySick } from "./sickTargets.ts";

type Declared = Topology["loadBalancers"][number];

/** What Hetzner says of a load balancer's targets. */
interface Target {
  server?: { id: number };
  health_status?: { listen_port: number; status: "healthy" | "unhealthy" | "unknown" }[];
}

/** Whether every machine behind a load balancer is there, and well on every port. */
export const loadBalancers: Check = {
  name: "load-balancers",
  async run(world) {
    const { cloud, topology } = world;
    const { loadBalancers: declared, machines, stack } = topology;
    if (declared.length === 0) return { ok: true, detail: "none in this phase" };
    if ("unavailable" in cloud) return { ok: false, detail: `could not be asked: ${cloud.unavailable}` };
    const names = new Map(machines.map(({ name, serverId }) => [Number(serverId), name]));
    const look = async (balancer: Declared) => {
      const found = await getOne(cloud, "load_balancers", balancer.loadBalancerId);
      return { found, finding: judge(balancer, found, names, stack) };
    };
    const findings = declared.map(async (balancer) => {
      const { finding, found } = await persistently(() => look(balancer));
      return found === null || finding.ok ? finding : await withReasons(world, finding, balancer, found);
    });
    return combine(await Promise.all(findings));
  },
};

/** Two of the slowest health checks: what has just begun to serve is not known to be well before. */
const patience = 21_000;

async function persistently<T extends { finding: Finding }>(look: () => Promise<T>): Promise<T> {
  const end = performance.now() + patience;
  for (;;) {
    const looked = await look();
    if (looked.finding.ok || performance.now() > end) return looked;
    await sleep(1000);
  }
}

/** Hetzner says that a machine is sick, never why: the machine itself is asked. */
async function withReasons(
  { run, topology }: World,
  finding: Finding,
  declared: Declared,
  found: HetznerItem,
): Promise<Finding> {
  const names = new Map(topology.machines.map(({ name, serverId }) => [Number(serverId), name]));
  const services = found.services as { listen_port: number; health_check: HealthCheck }[];
  const reasons = sickIn(declared, targetsOf(found, names)).map(async ({ machine: name, port }) => {
    const machine = topology.machines.find((each) => each.name === name);
    const check = services.find((service) => service.listen_port === port)?.health_check;
    return machine && check ? [`${name}: ${await whySick(run, machine, check)}`] : [];
  });
  const told = [...new Set((await Promise.all(reasons)).flat())];
  return told.length === 0 ? finding : { ...finding, detail: `${finding.detail} (${told.join("; ")})` };
}

function targetsOf(found: HetznerItem, machines: Map<number, string>) {
  return new Map(
    (found.targets as Target[]).flatMap((target) => {
      const name = machines.get(target.server?.id ?? 0);
      return name === undefined ? [] : [[name, target.health_status ?? []] as const];
    }),
  );
}

/** The machines that are targets and not healthy, with the port. */
function sickIn(declared: Declared, targets: ReturnType<typeof targetsOf>) {
  return declared.machines.flatMap((machine) =>
    declared.ports.flatMap((port) => {
      const status = targets.get(machine)?.find((health) => health.listen_port === port)?.status ?? "unknown";
      return !targets.has(machine) || status === "healthy" ? [] : [{ machine, port, status }];
    }),
  );
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
  const targets = targetsOf(found, machines);
  const missing = declared.machines.filter((name) => !targets.has(name));
  const sick = sickIn(declared, targets).map(
    ({ machine, port, status }) => `${machine} is ${status} on ${port}`,
  );
  if (missing.length === 0 && sick.length === 0) {
    return { ok: true, detail: `${declared.name}: ${declared.machines.join(", ")} healthy` };
  }
  const faults = [...missing.map((name) => `${name} is no target`), ...sick];
  return {
    ok: false,
    detail: `${declared.name}: ${faults.join("; ")}`,
    fix: missing.length > 0 ? fix : `npx phasewise logs ${stack} -m <machine> tells why`,
  };
}
