import type { Topology } from "../../infra/topology.ts";
import { messageOf, Problem } from "../../toolchain/problem.ts";
import type { OperationContext } from "../context.ts";
import type { Cluster } from "../topology.ts";
import { inTime } from "./kept.ts";
import { openRepository } from "./store.ts";

/** One of the places in which all backups of a stack lie. */
export interface ChosenRepository {
  /** As on the machines: 1 or 2. */
  number: number;
  bucket: Topology["buckets"][number];
}

/** All of them, the first one first. */
export function repositoriesOf({ buckets }: Topology): ChosenRepository[] {
  return buckets.map((bucket, index) => ({ number: index + 1, bucket }));
}

/** For people, as "repository 2 (acme-backups at https://nbg1.your-objectstorage.com)". */
export function repositoryText({ bucket, number }: ChosenRepository): string {
  return `repository ${number} (${bucket.name} at ${bucket.endpoint})`;
}

/**
 * The repository that a restore reads: the one that was asked for; else the first one, or where that does not answer
 * or has nothing of the cluster, the first of the others that has, and says so.
 * @throws Problem (exit 2) where there is no such repository.
 */
export async function chooseRepository(
  topology: Topology,
  cluster: Pick<Cluster, "backupStanza">,
  asked: number | undefined,
  ctx: Pick<OperationContext, "onLine" | "signal">,
): Promise<ChosenRepository> {
  const all = repositoriesOf(topology);
  if (asked !== undefined) return repositoryNumbered(topology, asked);
  const [first] = all;
  if (first === undefined) throw new Error(`${topology.stack} has no bucket`);
  if (all.length === 1) return first;
  const faults: string[] = [];
  for (const repository of all) {
    const fault = await faultOf(repository, cluster);
    ctx.signal.throwIfAborted();
    if (fault === null) {
      if (repository !== first) ctx.onLine(`${faults.join("; ")}: ${repositoryText(repository)} is read`);
      return repository;
    }
    faults.push(`${repositoryText(repository)} ${fault}`);
  }
  // What is wrong with the first one is told where it is read.
  return first;
}

/** @throws Problem (exit 2) where there is no such repository. */
export function repositoryNumbered(topology: Topology, asked: number): ChosenRepository {
  const all = repositoriesOf(topology);
  const found = all.find(({ number }) => number === asked);
  if (found) return found;
  throw new Problem({
    happened: `${topology.stack} has no repository ${asked}.`,
    left: "Nothing was touched.",
    todo: [
      all.length === 1
        ? "It has one: leave --repository away. A second one is made by phasewise:backup.secondRepository in its file."
        : `Give --repository ${all.map(({ number }) => number).join(" or ")}.`,
    ],
    exitCode: 2,
  });
}

/** Why nothing can be restored from there; null where something can. */
async function faultOf(
  repository: ChosenRepository,
  { backupStanza }: Pick<Cluster, "backupStanza">,
): Promise<string | null> {
  using store = openRepository(repository.bucket);
  try {
    const found = await inTime(store.keys(`postgresql/backup/${backupStanza}/backup.info`));
    return found.length > 0 ? null : `has no backup of ${backupStanza}`;
  } catch (error) {
    return `does not answer (${messageOf(error).split("\n")[0]})`;
  }
}
