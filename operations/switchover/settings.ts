import { ARCHIVE_LATER } from "../../roles/archivePush.ts";
import { PORTS, POSTGRES_SOCKET, postgresBin, postgresData } from "../../roles/paths.ts";
import { PATRONI_NAMESPACE, STOP_FAST } from "../../roles/patroniConfiguration.ts";
import { databasesFile } from "../../roles/pgbouncer.ts";
import { type PoolerInstance, READS, WRITES } from "../../roles/pgbouncerConfiguration.ts";
import { nodeTls } from "../../roles/tls.ts";
import type { Cluster, Machine } from "../topology.ts";

/** Where a cutover keeps its files on the machines that take part, until their next boot. */
export const FOLDER = "/run/phasewise/cutover";
/** HAProxy's socket on a gateway. */
const PROXY_SOCKET = "/run/haproxy.sock";

export interface CutoverPlan {
  cluster: Cluster;
  /** The primary, and the standby that takes its place. */
  from: Machine;
  to: Machine;
  /** Machines with a pooler that clients of this cluster may be connected to; the first one coordinates. */
  gateways: Machine[];
  /** All that run Patroni for this cluster. */
  members: Machine[];
  /** Clients are never held for longer before the point of no return, in seconds. */
  maxStallSeconds: number;
  /** Left out: `direct`, or `patroni` where a member does not answer. */
  method?: Method | undefined;
}

/**
 * Who moves the primary: `direct`, a coordinator with Patroni paused, fastest; `patroni`, Patroni by its own
 * switchover, which needs no answer of the members that take no part.
 */
export type Method = "direct" | "patroni";

const place = ({ name, privateAddress }: Machine) => ({ name, address: privateAddress });

/** What the coordinator reads (operations/switchover/remote/cutover.py). */
export function coordinatorSettings(plan: CutoverPlan, token: string): Record<string, unknown> {
  const { databases } = plan.cluster;
  return {
    token,
    port: PORTS.switchover,
    patroniPort: PORTS.patroni,
    tls: nodeTls("root"),
    stateFile: `${FOLDER}/state.json`,
    old: place(plan.from),
    new: place(plan.to),
    gateways: plan.gateways.map(place),
    members: plan.members.map(place),
    etcd: {
      members: votersOf(plan).map(place),
      port: PORTS.etcdClient,
      prefix: `${PATRONI_NAMESPACE}${plan.cluster.name}/members/`,
    },
    maxStallSeconds: plan.maxStallSeconds,
    method: plan.method ?? "direct",
    databases: {
      old: databasesAt(databases, { host: plan.from.privateAddress, port: PORTS.postgres }),
      new: databasesAt(databases, { host: plan.to.privateAddress, port: PORTS.postgres }),
      proxy: databasesAt(databases),
    },
  };
}

/** Members of etcd among those that take part, the coordinator before all others. */
function votersOf({ gateways, members }: CutoverPlan): Machine[] {
  return eachOnce([...gateways, ...members]).filter(({ roles }) => roles.includes("etcd"));
}

/** What the agent of one machine reads (operations/switchover/remote/agent.py). */
export function agentSettings(plan: CutoverPlan, machine: Machine, token: string): Record<string, unknown> {
  const version = plan.cluster.postgresVersion;
  const database = machine.name === plan.from.name || machine.name === plan.to.name;
  const gateway = plan.gateways.some((each) => each.name === machine.name);
  return {
    token,
    address: machine.privateAddress,
    port: PORTS.switchover,
    tls: nodeTls("root"),
    ...(database
      ? {
          database: {
            socket: POSTGRES_SOCKET,
            data: postgresData(version),
            bin: postgresBin(version),
            stopFast: STOP_FAST,
            archiveLater: ARCHIVE_LATER,
          },
        }
      : {}),
    ...(gateway
      ? {
          gateway: {
            proxy: PROXY_SOCKET,
            poolers: eachPooler(({ databases, port, socket }) => ({ databases, port, socket })),
          },
        }
      : {}),
  };
}

/** The poolers of a gateway, by the names that coordinator and agents give them. */
function eachPooler<T>(of: (pooler: PoolerInstance) => T): { writes: T; reads: T } {
  return { writes: of(WRITES), reads: of(READS) };
}

/** The texts of the poolers' files with their databases. @param target The proxy where it is left out. */
function databasesAt(databases: string[], target?: { host: string; port: number }) {
  return eachPooler((pooler) => databasesFile(pooler, databases, target).content);
}

/** Machines that need an agent, each once. */
export function agentsOf(plan: CutoverPlan): Machine[] {
  return eachOnce([plan.from, plan.to, ...plan.gateways]);
}

function eachOnce(machines: Machine[]): Machine[] {
  return machines.filter(
    (machine, index) => machines.findIndex(({ name }) => name === machine.name) === index,
  );
}
