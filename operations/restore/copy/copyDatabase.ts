import { passwordLookup } from "../../../roles/sql/lookup.ts";
import type { OperationContext } from "../../context.ts";
import { quoteIdentifier } from "../../indexes/catalogue/keyPart.ts";
import type { RowsOf } from "./copy.ts";
import { unknown } from "./copyTable.ts";
import { ownerFault, roomFault } from "./faults.ts";
import { freeBytes, type Live, livePlace } from "./live.ts";
import { load } from "./load.ts";
import { plain } from "./names.ts";
import { type Place, query } from "./query.ts";
import { type CopyRequest, copyText, refusedCopy } from "./request.ts";
import { countsSql, databaseNames, extensionsOf, findAll, makingOf } from "./restored.ts";
import { connectSql, dumpDatabase, makeDatabase, prepareDatabase, temporaryName } from "./script.ts";

export type DatabaseRequest = Extract<CopyRequest, { kind: "database" }>;

/**
 * Copies a database out of a restored state: into a new one under a temporary name, which gets its own when it is
 * whole. What fails is dropped again; what a killed run left, the next one drops.
 */
export async function copyDatabase(
  request: DatabaseRequest,
  restored: Place,
  live: Live,
  ctx: OperationContext,
): Promise<RowsOf[]> {
  const { from, to } = request;
  const databases = await databaseNames(restored, ctx);
  if (!databases.includes(from)) throw unknown(`database ${from}`, from, databases);
  const place = { ...restored, database: from };
  const found = await findAll(place, ctx);
  const making = await makingOf(place, ctx);
  const roles = await liveRoles(live, ctx);
  const faults = [
    ...ownerFault(from, making.owner),
    ...(roles.includes(making.owner)
      ? []
      : [`the stack has no role ${making.owner}, to whom ${from} belonged`]),
    ...roomFault(request, found.bytes, await freeBytes(live, ctx)),
  ];
  if (faults.length > 0) throw refusedCopy(faults);
  const counts = JSON.parse(await query(place, countsSql(found.tables), ctx)) as number[];
  const extensions = await extensionsOf(place, ctx);
  const name = temporaryName(to);
  const server = livePlace(live, "postgres");
  ctx.onLine(`copying ${copyText(request)} to ${live.machine.name}`);
  // A copy that is under way has sessions there: the first statement is refused then, and nothing is dropped.
  for (const statement of makeDatabase(name, making.owner, making)) await query(server, statement, ctx);
  try {
    const inside = [
      ...prepareDatabase(name, making.owner, extensions),
      ...connectSql(name, from, roles),
      ...passwordLookup(name).map(({ act }) => act.trim().replace(/;$/, "")),
    ];
    await query(livePlace(live, name), inside.join(";\n"), ctx);
    const what = { dump: dumpDatabase(from, extensions), schema: null, tables: found.tables, counts };
    const copied = await load(place, livePlace(live, name, making.owner), what, ctx);
    await query(server, `ALTER DATABASE ${quoteIdentifier(name)} RENAME TO ${quoteIdentifier(to)}`, ctx);
    return found.tables.map((table, at) => ({
      table: plain(table),
      as: plain(table),
      restored: counts[at]!,
      copied: copied[at]!,
    }));
  } catch (error) {
    await dropAgain(server, name, ctx);
    throw error;
  }
}

async function liveRoles(live: Live, ctx: OperationContext): Promise<string[]> {
  return JSON.parse(
    await query(livePlace(live, "postgres"), "SELECT json_agg(rolname) FROM pg_roles", ctx),
  ) as string[];
}

/** Also after an interrupt. A connection that broke leaves it to the next run. */
async function dropAgain(server: Place, name: string, ctx: OperationContext): Promise<void> {
  const last = { ...ctx, signal: AbortSignal.timeout(30_000) };
  try {
    await query(server, `DROP DATABASE IF EXISTS ${quoteIdentifier(name)} WITH (FORCE)`, last);
  } catch {
    ctx.onLine(
      `warning: the database ${name}, which is not whole, is still there; the same command drops it`,
    );
  }
}
