import pLimit from "p-limit";
import type { HetznerAccess } from "../../clients/hetzner.ts";
import { withPostgres } from "../../clients/postgres.ts";
import { connect, type SshSession } from "../../clients/ssh.ts";
import type { Topology } from "../../infra/topology.ts";
import type { OperationContext } from "../context.ts";
import { type Machine, sshTarget } from "../topology.ts";
import type { World } from "./check.ts";

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
      return limit(async () => output(await (await session).exec(command), machine, command));
    },
    sql: (cluster, role, use) => {
      const { host, port } = topology.endpoints.write;
      const { name: user, password } = cluster.roles[role];
      const database = cluster.databases[0] ?? topology.endpoints.database;
      return withPostgres(
        { host, port, database, user, password, caCertificate: topology.caCertificate },
        use,
      );
    },
    async [Symbol.asyncDispose]() {
      for (const { session } of sessions.values()) await session.then((open) => open.close()).catch(() => {});
    },
  };
}

function output(
  result: { code: number; stdout: string; stderr: string },
  machine: Machine,
  command: string,
): string {
  if (result.code === 0) return result.stdout;
  const reason = (result.stderr.trim() || result.stdout.trim()).split("\n").at(-1);
  const program = command.trim().split("\n")[0]!.slice(0, 60);
  throw new Error(`on ${machine.name}, \`${program}\` ended with code ${result.code}: ${reason}`);
}
