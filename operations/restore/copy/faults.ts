import { plain, type TableName } from "./names.ts";
import { type CopyRequest, copyText } from "./request.ts";

/** What a copy finds in the stack that runs. */
export interface CopyFacts {
  /** What keeps the primary from answering; null where it does. */
  unreachable: string | null;
  /** Names of databases. */
  databases: string[];
  /** Of the names that the copy would take, those that are there already. */
  taken: TableName[];
  /** The owner of the database that a table goes into; null where there is no such database. */
  owner: string | null;
}

/** Everything that keeps a copy from being begun, as far as the stack can tell before anything is restored. */
export function copyFaults(request: CopyRequest, facts: CopyFacts): string[] {
  if (facts.unreachable !== null)
    return [
      `the primary does not answer (${facts.unreachable}): a copy needs it; --keep lets the machine stay without`,
    ];
  if (request.kind === "database")
    return facts.databases.includes(request.to)
      ? [`there is a database ${request.to} already: give another name with --as`]
      : [];
  const { database } = request;
  if (!facts.databases.includes(database))
    return [`the stack has no database ${database}; it has ${facts.databases.join(", ")}`];
  return [...ownerFault(database, facts.owner), ...takenFaults(database, facts.taken)];
}

/** Names that the copy would take and that something has already. */
export function takenFaults(database: string, taken: readonly TableName[]): string[] {
  return taken.map(
    (one) => `${database} has a ${plain(one)} already: give another name with --as schema.name`,
  );
}

/** A machine's system user may come as the superuser and as owners, by their names. */
export function ownerFault(database: string, owner: string | null): string[] {
  if (owner === null || owner === "postgres" || owner.endsWith("_owner")) return [];
  return [`${database} belongs to ${owner}, as whom no operator comes: make its owner ${database}_owner`];
}

/** A copy takes its own size, and as much again for its log until that is archived. */
export function roomFault(request: CopyRequest, bytes: number, freeBytes: number): string[] {
  if (freeBytes >= 2 * bytes) return [];
  return [
    `${copyText(request)} has ${gb(bytes)}, and needs twice that with its log; the volume of the primary has ${gb(freeBytes)} free`,
  ];
}

function gb(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}
