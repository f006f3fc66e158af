import type { Cluster, Machine } from "../topology.ts";
import type { World } from "./check.ts";
import { membersOf } from "./members.ts";

/** What Patroni says of its cluster (GET /cluster). */
export interface ClusterView {
  members: {
    name: string;
    role: "leader" | "replica" | "sync_standby" | "standby_leader" | string;
    state: string;
    timeline?: number;
    /** Bytes behind the leader; "unknown" where Patroni cannot tell. */
    lag?: number | string;
  }[];
  pause?: boolean;
}

/** What a member says of itself (GET /patroni). */
export interface MemberView {
  role: string;
  pending_restart?: boolean;
}

export async function patroniMember(world: Pick<World, "run">, machine: Machine): Promise<MemberView> {
  return JSON.parse(await world.run(machine, patroniCommand(machine, "/patroni"))) as MemberView;
}

/** Asks a member, over the machine's own certificate. */
export async function patroniCluster(world: Pick<World, "run">, machine: Machine): Promise<ClusterView> {
  return JSON.parse(await world.run(machine, patroniCommand(machine, "/cluster"))) as ClusterView;
}

/**
 * The cluster as the first of its members to answer sees it: any of them knows, and one may be away.
 * @throws The first member's reason where none answers.
 */
export async function clusterView(
  world: Pick<World, "run" | "topology">,
  cluster: Pick<Cluster, "members">,
): Promise<ClusterView> {
  const machines = membersOf(world.topology, cluster);
  return firstOf(machines, (machine) => patroniCluster(world, machine));
}

/** Asks all machines at once and takes the first answer. @throws The first machine's reason where none has one. */
export async function firstOf<T>(machines: Machine[], ask: (machine: Machine) => Promise<T>): Promise<T> {
  try {
    return await Promise.any(machines.map(ask));
  } catch (error) {
    throw error instanceof AggregateError && error.errors.length > 0 ? error.errors[0] : error;
  }
}

/** A shell command that speaks to Patroni's REST interface on a machine. */
export function patroniCommand(machine: Machine, path: string, options = ""): string {
  const tls = "/etc/phasewise/tls/root";
  const trust = `--cacert ${tls}/ca.pem --cert ${tls}/node.pem --key ${tls}/node.key`;
  return `curl -sS --fail-with-body --max-time 10 ${trust} ${options} https://${machine.privateAddress}:8008${path}`;
}

/** The machine whose PostgreSQL is the cluster's primary now. */
export async function leaderOf(world: Pick<World, "run" | "topology">, cluster: Cluster): Promise<Machine> {
  const view = await clusterView(world, cluster);
  const name = view.members.find((one) => one.role === "leader")?.name;
  const leader = world.topology.machines.find((machine) => machine.name === name);
  if (!leader) throw new Error(`${cluster.name} has no leader`);
  return leader;
}
