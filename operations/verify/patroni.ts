import type { Cluster, Machine } from "../topology.ts";
import type { World } from "./check.ts";

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

/** A shell command that speaks to Patroni's REST interface on a machine. */
export function patroniCommand(machine: Machine, path: string, options = ""): string {
  const tls = "/etc/phasewise/tls/root";
  const trust = `--cacert ${tls}/ca.pem --cert ${tls}/node.pem --key ${tls}/node.key`;
  return `curl -sS --fail-with-body --max-time 10 ${trust} ${options} https://${machine.privateAddress}:8008${path}`;
}

/** The machine whose PostgreSQL is the cluster's primary now. */
export async function leaderOf(world: Pick<World, "run" | "topology">, cluster: Cluster): Promise<Machine> {
  const member = world.topology.machines.find((machine) => cluster.members.includes(machine.name))!;
  const view = await patroniCluster(world, member);
  const name = view.members.find((one) => one.role === "leader")?.name;
  const leader = world.topology.machines.find((machine) => machine.name === name);
  if (!leader) throw new Error(`${cluster.name} has no leader`);
  return leader;
}
