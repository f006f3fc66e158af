import { z } from "zod";
import type { Topology } from "../../infra/topology.ts";
import { balancersOf } from "./drain/balancers.ts";
import { type Role, rolloutSteps } from "./steps.ts";
import { describeWork, inOrder, type MachineWork, machineWork } from "./work.ts";

/** What a rollout would do, before anything is done. */
export interface RolloutPlan {
  stack: string;
  machines: (MachineWork & {
    /** What clients notice of it; null: nothing but a wait of some hundred milliseconds at most. */
    notice: string | null;
  })[];
  steps: { name: string; title: string }[];
}

/** What a journal keeps of it. */
export const rolloutRequest = z.object({ work: z.array(machineWork), drainSeconds: z.number() });

/** @param leaders Names of the machines that are primaries now. */
export function rolloutPlan(topology: Topology, work: MachineWork[], leaders: string[]): RolloutPlan {
  const ordered = inOrder(work, (machine) => ({
    leads: leaders.includes(machine) && roleOf(topology, machine).replicated,
    replicated: roleOf(topology, machine).replicated,
  }));
  return {
    stack: topology.stack,
    machines: ordered.map((one) => ({ ...one, notice: noticeOf(topology, one) })),
    steps: stepsOf(topology, ordered).map(({ name, title }) => ({ name, title })),
  };
}

export function stepsOf(topology: Topology, work: MachineWork[]) {
  return rolloutSteps(work, (machine) => roleOf(topology, machine));
}

export function roleOf(topology: Topology, name: string): Role {
  const machine = topology.machines.find((each) => each.name === name);
  const replicated = topology.clusters.some(({ members }) => members.includes(name) && members.length > 1);
  const balanced = machine !== undefined && balancersOf(topology, machine).length > 0;
  return { replicated, drained: replicated || balanced || replicatedCaches(topology, name).length > 0 };
}

/** Caches on a machine whose primary can be moved away from it. */
export function replicatedCaches({ caches }: Topology, name: string): Topology["caches"] {
  return caches.filter(
    ({ machines, sentinel }) => sentinel !== null && machines.includes(name) && machines.length > 1,
  );
}

const wholeMachine = ({ packages, reboot, restarts }: MachineWork, unit: RegExp) =>
  reboot !== null ||
  restarts.some(({ what }) => unit.test(what)) ||
  packages.some(({ name }) => unit.test(name));

/** What clients notice of the work on one machine, in words; null where they do not. */
export function noticeOf(topology: Topology, work: MachineWork): string | null {
  const { endpoints, machines } = topology;
  const machine = machines.find(({ name }) => name === work.machine);
  if (!machine) return null;
  const cluster = topology.clusters.find(({ members }) => members.includes(work.machine));
  const gateway = topology.clusters.some(({ gateways }) => gateways.includes(work.machine));
  const behind = balancersOf(topology, machine).length > 0;
  const direct = endpoints.write.host === machine.publicAddress;
  const cache = topology.caches.find((each) => each.machines[0] === work.machine);
  const lines = [
    ...(cluster && cluster.members.length === 1 && work.reboot !== null
      ? ["the database is away until the machine is back"]
      : []),
    ...(cluster &&
    cluster.members.length === 1 &&
    work.reboot === null &&
    wholeMachine(work, /PostgreSQL|patroni|^postgresql/)
      ? ["clients wait until PostgreSQL is back"]
      : []),
    ...(gateway && (!behind || direct) && wholeMachine(work, /pgbouncer/)
      ? [
          behind
            ? `clients that connect to ${machine.publicAddress} itself, not to the load balancer, lose their connections and connect anew`
            : "clients lose their connections and connect anew; no acknowledged row is lost",
        ]
      : []),
    ...(gateway && !behind && !wholeMachine(work, /pgbouncer/) && wholeMachine(work, /haproxy/)
      ? ["clients wait until HAProxy is back"]
      : []),
    ...(cache && cache.machines.length === 1 && wholeMachine(work, /redis/)
      ? ["the cache is away meanwhile"]
      : []),
  ];
  return lines.length === 0 ? null : lines.join("; ");
}

/** Whether clients may see errors while a machine is worked on: it is said first, and asked. */
export function isAnnounced(notice: string | null): boolean {
  return notice !== null && /lose their connections|away until/.test(notice);
}

/** For people. */
export function planText({ machines, stack, steps }: RolloutPlan): string {
  const lines = machines.flatMap(({ notice, ...work }, index) => [
    `  ${index + 1}. ${work.machine}: ${describeWork(work).join(", ")}`,
    ...(notice === null ? [] : [`     ! ${notice}`]),
  ]);
  return [
    `${stack}: planned work on ${machines.length} machine${machines.length === 1 ? "" : "s"}, one after the other`,
    ...lines,
    `  ${steps.length} steps; ${machines.some(({ notice }) => notice !== null) ? "clients notice what is marked !" : "clients wait some moments and see no error"}`,
  ].join("\n");
}
