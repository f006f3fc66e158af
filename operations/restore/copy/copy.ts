import type { SshSession } from "../../../clients/ssh.ts";
import type { Topology } from "../../../infra/topology.ts";
import type { OperationContext } from "../../context.ts";
import type { Cluster } from "../../topology.ts";
import { copyDatabase } from "./copyDatabase.ts";
import { copyTable } from "./copyTable.ts";
import { copyFaults } from "./faults.ts";
import { liveFacts, openLive } from "./live.ts";
import { type CopyRequest, refusedCopy } from "./request.ts";

/** The rows of one table: in the restored state, and in its copy before that was committed. */
export interface RowsOf {
  table: string;
  /** What it is called in the stack. */
  as: string;
  restored: number;
  copied: number;
}

/** What `restore --database` and `--table` print in `copy`. */
export interface CopyReport {
  kind: CopyRequest["kind"];
  /** The database of the stack that has it now. */
  database: string;
  tables: RowsOf[];
  /** From the end of the restore to the end of the copy. */
  seconds: number;
}

/** @throws Problem (exit 2) with all that keeps a copy from being begun, before anything is restored. */
export async function requireCopyable(
  topology: Topology,
  cluster: Cluster,
  request: CopyRequest,
  ctx: OperationContext,
): Promise<void> {
  const faults = copyFaults(request, await liveFacts(topology, cluster, request, ctx));
  if (faults.length > 0) throw refusedCopy(faults);
}

/**
 * Copies a table or a database from the machine of this session, which holds a restored state, to the primary.
 * @throws Problem (exit 2) where the restored state does not have it, or the stack has no room or no name for it.
 */
export async function copyBack(
  topology: Topology,
  cluster: Cluster,
  request: CopyRequest,
  session: SshSession,
  ctx: OperationContext,
): Promise<CopyReport> {
  const begin = Date.now();
  const restored = { session, machine: "the throw-away machine", database: "postgres", user: "postgres" };
  using live = await openLive(topology, cluster, ctx);
  const tables =
    request.kind === "table"
      ? await copyTable(request, restored, live, ctx)
      : await copyDatabase(request, restored, live, ctx);
  const database = request.kind === "table" ? request.database : request.to;
  return { kind: request.kind, database, tables, seconds: Math.round((Date.now() - begin) / 100) / 10 };
}
