import pLimit from "p-limit";
import type { HetznerAccess } from "../../clients/hetzner.ts";
import { withPostgres } from "../../clients/postgres.ts";
import { withRedis } from "../../clients/redis.ts";
import { connect, type SshSession } from "../../clients/ssh.ts";
import type { Topology } from "../../infra/topology.ts";
import type { OperationContext } from "../context.ts";
import { outputOf } from "../machines.ts";
import { type Machine, sshTarget } from "../topology.ts";
import type { World } from "./check.ts";
import { byName } from "./endpointName.ts";

/** How long a machine may take to answer (milliseconds). */
const reachWithin = 8000;
/** sshd allows ten sessions a connection. */
const sessionsAtOnce = 8;

/** The real world of a stack; to be closed. */
export function openWorld(
  topology: Topology,
  cloud: HetznerAccess | { unavailable: string },
  ctx: OperationContext,
): World & AsyncDisposable {
  const sessions = new Map<string, { session: Promise<SshSession>; limit: ReturnType<typeof pLimit> }>();
  const open = (machine: Machine) => {
    const known = sessions.get(machine.name);
    if (known) return known;
    const session = connect(sshTarget(topology, machine), { signal: ctx.signal, deadlineMs: reachWithin });
    const made = { session, limit: pLimit(sessionsAtOnce) };
    sessions.set(machine.name, made);
    return made;
  };
  return {
    topology,
    cloud,
    now: new Date(),
    run: (machine, command) => {
      const { session, limit } = open(machine);
      return limit(async () => outputOf(await (await session).exec(command), machine, command));
    },
    sql: (cluster, role, use) => {
      const { host, port } = topology.endpoints[role === "readonly" ? "read" : "write"];
      const { name: user, password } = cluster.roles[role];
      const database = cluster.databases[0] ?? topology.endpoints.database;
      const target = { host, port, database, user, password, caCertificate: topology.caCertificate };
      return byName(host, topology.stack, withPostgres(target, use));
    },
    redis: ({ endpoint, application }, use) =>
      withRedis(
        {
          ...endpoint,
          user: application.name,
          password: application.password,
          caCertificate: topology.caCertificate,
        },
        use,
      ),
    async [Symbol.asyncDispose]() {
      for (const { session } of sessions.values()) await session.then((open) => open.close()).catch(() => {});
    },
  };
}
