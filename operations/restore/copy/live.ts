import { escapeLiteral } from "pg";
import { connect, type SshSession } from "../../../clients/ssh.ts";
import type { Topology } from "../../../infra/topology.ts";
import { DATA } from "../../../roles/paths.ts";
import { messageOf } from "../../../toolchain/problem.ts";
import type { OperationContext } from "../../context.ts";
import { type Cluster, type Machine, sshTarget } from "../../topology.ts";
import { leaderOf } from "../../verify/patroni.ts";
import { openWorld } from "../../verify/world.ts";
import type { CopyFacts } from "./faults.ts";
import type { TableName } from "./names.ts";
import { type Place, query } from "./query.ts";
import type { CopyRequest } from "./request.ts";

/** The machine that leads, by a session of its own; to be closed. */
export interface Live extends Disposable {
  machine: Machine;
  session: SshSession;
}

/** @throws where no member leads, or it does not answer. */
export async function openLive(topology: Topology, cluster: Cluster, ctx: OperationContext): Promise<Live> {
  await using world = openWorld(topology, { unavailable: "the database is asked, not the cloud" }, ctx);
  const machine = await leaderOf(world, cluster);
  const session = await connect(sshTarget(topology, machine), { signal: ctx.signal });
  return { machine, session, [Symbol.dispose]: () => session.close() };
}

/** A database of the primary. @param user The superuser if left out. */
export function livePlace({ machine, session }: Live, database: string, user = "postgres"): Place {
  return { session, machine: machine.name, database, user };
}

/** What can be known before anything is restored. */
export async function liveFacts(
  topology: Topology,
  cluster: Cluster,
  request: CopyRequest,
  ctx: OperationContext,
): Promise<CopyFacts> {
  const none = { databases: [], taken: [], owner: null };
  try {
    using live = await openLive(topology, cluster, ctx);
    const sql =
      "SELECT json_agg(json_build_object('name', datname, 'owner', pg_get_userbyid(datdba))) FROM pg_database";
    const all = JSON.parse(await query(livePlace(live, "postgres"), sql, ctx)) as {
      name: string;
      owner: string;
    }[];
    const databases = all.map(({ name }) => name);
    if (request.kind === "database" || !databases.includes(request.database))
      return { ...none, unreachable: null, databases };
    const { owner } = all.find(({ name }) => name === request.database)!;
    const taken = await takenIn(livePlace(live, request.database), [request.to], ctx);
    return { unreachable: null, databases, taken, owner };
  } catch (error) {
    ctx.signal.throwIfAborted();
    return { ...none, unreachable: messageOf(error).split("\n")[0]! };
  }
}

/** Of some names those that something has in a database. */
export async function takenIn(
  place: Place,
  names: readonly TableName[],
  ctx: OperationContext,
): Promise<TableName[]> {
  const values = names
    .map(({ schema, name }) => `(${escapeLiteral(schema)}, ${escapeLiteral(name)})`)
    .join(", ");
  const sql = `SELECT coalesce(json_agg(json_build_object('schema', s, 'name', r)), '[]')
    FROM (VALUES ${values}) AS w (s, r) JOIN pg_namespace n ON n.nspname = s
    WHERE EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = n.oid AND c.relname = r)`;
  return names.length === 0 ? [] : (JSON.parse(await query(place, sql, ctx)) as TableName[]);
}

/** Of the volume that holds the primary's data. */
export async function freeBytes({ session, machine }: Live, ctx: OperationContext): Promise<number> {
  const { stdout } = await session.exec(`df -B1 --output=avail ${DATA} | tail -n 1`, { signal: ctx.signal });
  const free = Number(stdout.trim());
  if (stdout.trim() === "" || !Number.isFinite(free))
    throw new Error(`${machine.name} does not tell the room on ${DATA}`);
  return free;
}
