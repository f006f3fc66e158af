import type { PostgresTarget } from "../clients/postgres.ts";
import { connect, type SshSession } from "../clients/ssh.ts";
import type { Topology } from "../infra/topology.ts";
import { PORTS } from "../roles/paths.ts";
import type { OperationContext } from "./context.ts";
import { type Cluster, type Machine, sshTarget } from "./topology.ts";
import { leaderOf } from "./verify/patroni.ts";
import { openWorld } from "./verify/world.ts";

/** The way to a cluster's primary itself; to be closed. */
export interface Primary extends AsyncDisposable {
  machine: Machine;
  target: PostgresTarget;
}

/**
 * Opens a way past pooler and proxy to the primary, through SSH to whichever machine Patroni names: for what needs a
 * session of its own (settings of the session, advisory locks, statements outside transactions). The server is
 * verified by its machine's certificate. The way ends with the primary's role or the connection; the next statement
 * says so.
 */
export async function openPrimary(
  topology: Topology,
  cluster: Cluster,
  role: keyof Cluster["roles"],
  ctx: OperationContext,
): Promise<Primary> {
  const machine = await findLeader(topology, cluster, ctx);
  const session = await connect(sshTarget(topology, machine), { signal: ctx.signal });
  const { name: user, password } = cluster.roles[role];
  return {
    machine,
    target: {
      host: "127.0.0.1",
      port: await tunnelTo(session),
      database: cluster.databases[0] ?? topology.endpoints.database,
      user,
      password,
      caCertificate: topology.caCertificate,
      identity: machine.name,
    },
    async [Symbol.asyncDispose]() {
      session.close();
    },
  };
}

async function findLeader(topology: Topology, cluster: Cluster, ctx: OperationContext): Promise<Machine> {
  await using world = openWorld(topology, { unavailable: "the database is asked, not the cloud" }, ctx);
  return await leaderOf(world, cluster);
}

/** The server listens on its loopback too, which its own rules allow for every role that has a password. */
async function tunnelTo(session: SshSession): Promise<number> {
  try {
    return (await session.forward("127.0.0.1", PORTS.postgres)).port;
  } catch (error) {
    session.close();
    throw error;
  }
}
