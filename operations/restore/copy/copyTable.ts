import { messageOf, type Problem } from "../../../toolchain/problem.ts";
import type { OperationContext } from "../../context.ts";
import { quoteIdentifier } from "../../indexes/catalogue/keyPart.ts";
import type { RowsOf } from "./copy.ts";
import { ownerFault, roomFault, takenFaults } from "./faults.ts";
import { freeBytes, type Live, livePlace, takenIn } from "./live.ts";
import { load } from "./load.ts";
import { nearNames, plain, type Renaming, renamingSql, renamings, type TableName } from "./names.ts";
import { type Place, query } from "./query.ts";
import { type CopyRequest, copyText, refusedCopy } from "./request.ts";
import { countsSql, databaseNames, type Found, findTable, tableNames } from "./restored.ts";
import { dumpTable } from "./script.ts";

export type TableRequest = Extract<CopyRequest, { kind: "table" }>;

/** Copies a table with its partitions, indexes, sequences, constraints and rights out of a restored state. */
export async function copyTable(
  request: TableRequest,
  restored: Place,
  live: Live,
  ctx: OperationContext,
): Promise<RowsOf[]> {
  const { database, from, to } = request;
  const place = { ...restored, database };
  const found = await findOrRefuse(request, restored, ctx);
  const renamed = rename(found, from, to);
  const into = livePlace(live, database);
  const owner = await query(
    into,
    "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()",
    ctx,
  );
  const faults = [
    ...ownerFault(database, owner),
    ...takenFaults(
      database,
      await takenIn(
        into,
        found.relations.map((one) => newName(one, renamed)),
        ctx,
      ),
    ),
    ...takenFaults("the restored state", await takenIn(place, othersNames(renamed), ctx)),
    ...roomFault(request, found.bytes, await freeBytes(live, ctx)),
  ];
  if (faults.length > 0) throw refusedCopy(faults);
  const counts = JSON.parse(await query(place, countsSql(found.tables), ctx)) as number[];
  if (renamed.length > 0) await query(place, renamingScript(renamed, to), ctx);
  const tables = found.tables.map((one) => newName({ ...one, kind: "table" }, renamed));
  ctx.onLine(`copying ${copyText(request)} to ${live.machine.name}`);
  const what = { dump: dumpTable(database, to), schema: to.schema, tables, counts };
  const copied = await load(place, livePlace(live, database, owner), what, ctx);
  return found.tables.map((table, at) => ({
    table: plain(table),
    as: plain(tables[at]!),
    restored: counts[at]!,
    copied: copied[at]!,
  }));
}

async function findOrRefuse(
  { database, from }: TableRequest,
  restored: Place,
  ctx: OperationContext,
): Promise<Found> {
  const databases = await databaseNames(restored, ctx);
  if (!databases.includes(database)) throw unknown(`database ${database}`, database, databases);
  const place = { ...restored, database };
  const found = await findTable(place, from, ctx);
  if (found !== null) return found;
  throw unknown(`table ${plain(from)} in ${database}`, plain(from), await tableNames(place, ctx));
}

/** @param what What was asked for and is not there. */
export function unknown(what: string, word: string, names: readonly string[]): Problem {
  const near = nearNames(word, names);
  return refusedCopy([
    `the restored state has no ${what}; ${near.length > 0 ? `it has ${near.join(", ")}` : "it has none at all"}`,
  ]);
}

function rename(found: Found, from: TableName, to: TableName): Renaming[] {
  try {
    return plain(from) === plain(to) ? [] : renamings(found.relations, from, to);
  } catch (error) {
    throw refusedCopy([`--as ${plain(to)}: ${messageOf(error)}`]);
  }
}

function newName(relation: Found["relations"][number], renamed: readonly Renaming[]): TableName {
  const own = renamed.find((one) => plain(one.relation) === plain(relation));
  return own?.to ?? { schema: relation.schema, name: relation.name };
}

/** New names that none of the renamed has now: theirs are free by then. */
function othersNames(renamed: readonly Renaming[]): TableName[] {
  const own = renamed.map(({ relation }) => plain(relation));
  return renamed.map(({ to }) => to).filter((to) => !own.includes(plain(to)));
}

/** The throw-away machine's own copy gets the new names: what comes out of it has them then. */
function renamingScript(renamed: readonly Renaming[], { schema }: TableName): string {
  return [
    "BEGIN READ WRITE",
    `CREATE SCHEMA IF NOT EXISTS ${quoteIdentifier(schema)}`,
    ...renamingSql(renamed),
    "COMMIT",
  ].join(";\n");
}
