import { machineStats } from "../cloud/machines/stats.ts";
import { paths } from "../cloud/state.ts";
import { findServerType } from "../infra/hetzner/catalogue.ts";
import type { Topology } from "../infra/topology.ts";
import { REDIS_CLI } from "../roles/redis.ts";
import { messageOf } from "../toolchain/problem.ts";
import type { OperationContext } from "./context.ts";
import { cloudDirectory } from "./deploy/cloud.ts";
import { type CacheMember, memberFrom } from "./membership/cache.ts";
import { type Cache, type Machine, readDeployed } from "./topology.ts";
import type { World } from "./verify/check.ts";
import { clusterView } from "./verify/patroni.ts";
import { openWorld } from "./verify/world.ts";

export interface StackStatus {
  stack: string;
  environment: string;
  phase: number;
  endpoints: Topology["endpoints"];
  machines: MachineStatus[];
  clusters: { name: string; members: MemberStatus[] }[];
  caches: { name: string; members: MemberStatus[] }[];
}

export interface MemberStatus {
  name: string;
  role: string;
  state: string;
  /** Bytes behind the primary; null where nobody can tell. */
  lag: number | null;
}

export interface MachineStatus {
  name: string;
  serverType: string;
  publicAddress: string;
  privateAddress: string;
  roles: string[];
  reachable: boolean;
  /** Why not; null where it is reachable. */
  fault: string | null;
  memoryUsedMb: number;
  memoryMb: number;
  units: { name: string; state: string }[];
}

/** What of a machine is worth a glance. */
const units = ["etcd", "patroni", "haproxy", "pgbouncer", "redis-server", "redis-sentinel"];

export async function stackStatus(stack: string, ctx: OperationContext): Promise<StackStatus> {
  const { topology, deployment } = await readDeployed(stack, ctx);
  await using world = openWorld(topology, { unavailable: "status does not ask it" }, ctx);
  const { embedded } = deployment.file;
  const [machines, clusters, caches] = await Promise.all([
    Promise.all(topology.machines.map((machine) => machineStatus(world, machine, embedded))),
    Promise.all(topology.clusters.map((cluster) => clusterStatus(world, cluster))),
    Promise.all(topology.caches.map((cache) => cacheStatus(world, cache))),
  ]);
  const { environment, phase, endpoints } = topology;
  return { stack, environment, phase, endpoints, machines, clusters, caches };
}

async function machineStatus(world: World, machine: Machine, embedded: boolean): Promise<MachineStatus> {
  const { name, serverType, publicAddress, privateAddress, roles } = machine;
  const known = { name, serverType, publicAddress, privateAddress, roles };
  try {
    const text = await world.run(machine, `free -m; systemctl is-active ${units.join(" ")} || true`);
    const own = embedded ? await embeddedMemory(machine) : {};
    return { ...known, reachable: true, fault: null, ...parseMachine(text), ...own };
  } catch (error) {
    const fault = messageOf(error).split("\n")[0] ?? "";
    return { ...known, reachable: false, fault, memoryUsedMb: 0, memoryMb: 0, units: [] };
  }
}

/** An embedded machine sees the memory of the host that it shares: its own share is known outside. */
async function embeddedMemory(machine: Machine): Promise<Pick<MachineStatus, "memoryUsedMb" | "memoryMb">> {
  const memoryMb = (findServerType(machine.serverType)?.memoryGb ?? 0) * 1024;
  const directory = paths(cloudDirectory()).machines;
  const { anonymousBytes, sharedBytes } = await machineStats(directory, Number(machine.serverId));
  return { memoryMb, memoryUsedMb: Math.round((anonymousBytes + sharedBytes) / 1024 ** 2) };
}

/** @param text What `free -m` and `systemctl is-active` print. */
export function parseMachine(text: string): Pick<MachineStatus, "memoryUsedMb" | "memoryMb" | "units"> {
  const lines = text.trim().split("\n");
  const memory = lines.find((line) => line.startsWith("Mem:"))?.split(/\s+/) ?? [];
  const states = lines.slice(-units.length);
  return {
    memoryMb: Number(memory[1] ?? 0),
    memoryUsedMb: Number(memory[2] ?? 0),
    units: units
      .map((name, index) => ({ name, state: states[index] ?? "unknown" }))
      // A unit that a machine does not carry is unknown to systemd there.
      .filter((unit) => unit.state !== "inactive" && unit.state !== "unknown"),
  };
}

async function clusterStatus(
  world: World,
  cluster: Topology["clusters"][number],
): Promise<StackStatus["clusters"][number]> {
  try {
    const view = await clusterView(world, cluster);
    const members = view.members.map(({ name, role, state, lag }) => ({
      name,
      role,
      state,
      lag: typeof lag === "number" ? lag : null,
    }));
    return { name: cluster.name, members };
  } catch {
    // The machine's own row says why nothing can be asked there.
    const members = cluster.members.map((name) => ({ name, role: "unknown", state: "unknown", lag: null }));
    return { name: cluster.name, members };
  }
}

async function cacheStatus(world: World, cache: Cache): Promise<StackStatus["caches"][number]> {
  const asked = cache.machines.map(async (name) => {
    const machine = world.topology.machines.find((one) => one.name === name)!;
    return world.run(machine, `${REDIS_CLI} -e INFO replication`).then(
      (info) => memberFrom(name, info),
      // The machine's own row says why it cannot be asked.
      () => name,
    );
  });
  return { name: cache.name, members: cacheRows(await Promise.all(asked)) };
}

/** @param members A name alone is a Redis that does not answer. */
export function cacheRows(members: (CacheMember | string)[]): MemberStatus[] {
  const primary = members.find((member) => typeof member !== "string" && member.primary);
  return members.map((member) => {
    if (typeof member === "string") return { name: member, role: "unknown", state: "unknown", lag: null };
    const { name, offset, synced } = member;
    if (member.primary) return { name, role: "primary", state: "running", lag: null };
    const lag = typeof primary === "object" ? Math.max(0, primary.offset - offset) : null;
    return { name, role: "replica", state: synced ? "streaming" : "not connected", lag };
  });
}
