import type { Topology } from "../../infra/topology.ts";
import { dumpPrefix } from "../../roles/dump.ts";
import { Problem } from "../../toolchain/problem.ts";
import { matching } from "../cacheBackups/list.ts";
import type { OperationContext } from "../context.ts";
import { type InRepositories, type ReadOptions, readCopies } from "../copies/repositories.ts";
import { momentOf } from "../copies/stamp.ts";
import type { Kept } from "../restore/kept.ts";
import { readDeployed } from "../topology.ts";
import { clusterWithDumps } from "./program.ts";

/** A dump of a database, as a bucket shows it. */
export interface Dump {
  database: string;
  /** The moment as its name has it: 20261121T030000Z. */
  label: string;
  /** The same as ISO 8601. */
  madeAt: string;
  /** Of the database when it was made. */
  databaseBytes: number;
  /** Compressed and encrypted. */
  bytes: number;
  /** The last part of its key. */
  name: string;
}

const NAME = /^(\d{8}T\d{6}Z)-(\d+)\.tar\.gpg$/;

/** What one repository holds of a cluster, the oldest first. */
export async function dumpsIn(store: Pick<Kept, "entries">, cluster: string): Promise<Dump[]> {
  return parseDumps(await store.entries(dumpPrefix(cluster)), cluster);
}

/** What the repositories hold of a cluster, the oldest first. @throws as `readCopies`. */
export async function readDumps(
  topology: Topology,
  cluster: string,
  options: ReadOptions,
): Promise<InRepositories<Dump>[]> {
  const nameOf = ({ database, label, name }: Dump) => `${label} ${database} ${name}`;
  return readCopies(topology, (store) => dumpsIn(store, cluster), nameOf, options);
}

/** What `dumps --json` prints. */
export interface DumpList {
  stack: string;
  cluster: string;
  /** How many the stack has. */
  repositories: number;
  dumps: InRepositories<Dump>[];
}

/** All dumps in the buckets. @throws Problem (exit 2) where the stack makes none. */
export async function dumpList(stack: string, ctx: OperationContext): Promise<DumpList> {
  const { topology } = await readDeployed(stack, ctx);
  const cluster = clusterWithDumps(topology);
  const dumps = await readDumps(topology, cluster.name, { tell: ctx.onLine });
  return { stack, cluster: cluster.name, repositories: topology.buckets.length, dumps };
}

/** Keys that are no dump's are left out. */
export function parseDumps(entries: { key: string; bytes: number }[], cluster: string): Dump[] {
  const prefix = dumpPrefix(cluster);
  const found = entries.flatMap(({ bytes, key }) => {
    const [database = "", name = "", ...more] = key.startsWith(prefix)
      ? key.slice(prefix.length).split("/")
      : [];
    const parts = more.length === 0 ? NAME.exec(name) : null;
    if (!parts) return [];
    const [, label = "", size] = parts;
    return [{ database, label, madeAt: momentOf(label), databaseBytes: Number(size), bytes, name }];
  });
  return found.sort((a, b) => a.label.localeCompare(b.label) || a.database.localeCompare(b.database));
}

/**
 * The dump of a database that `--to` means: `latest`, a dump's label, or a time (ISO 8601), which means the newest one
 * until then.
 * @throws Problem (exit 2) where there is none.
 */
export function chooseDump<T extends Dump>(dumps: T[], database: string, to: string, stack: string): T {
  const own = dumps.filter((dump) => dump.database === database);
  const found = to === "latest" ? own.at(-1) : own.findLast(matching(to, stack));
  if (found) return found;
  const [oldest] = own;
  throw new Problem({
    happened: oldest
      ? `There is no dump of ${database} of ${to}: the oldest is ${oldest.label}, the newest ${own.at(-1)!.label}.`
      : `There is no dump of ${database}.`,
    left: "Nothing was touched.",
    todo: [
      oldest
        ? `npx phasewise dumps ${stack} lists them`
        : `npx phasewise dump ${stack} --database ${database} makes one`,
    ],
    exitCode: 2,
  });
}
