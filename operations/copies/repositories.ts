import type { Topology } from "../../infra/topology.ts";
import { messageOf } from "../../toolchain/problem.ts";
import { inTime, type Kept } from "../restore/kept.ts";
import {
  type ChosenRepository,
  repositoriesOf,
  repositoryNumbered,
  repositoryText,
} from "../restore/repositories.ts";
import { openRepository } from "../restore/store.ts";

/** A copy with the repositories that have it, as 1 and 2. */
export type InRepositories<T> = T & { repositories: number[] };

/** What a repository said; its error where it said nothing. */
export type Answer<T> = { repository: ChosenRepository } & (
  | { found: T; error: null }
  | { found: null; error: unknown }
);

/** Asks each by itself, all at once. One of several that says nothing for 20 s does not answer. */
export async function askEach<T>(
  repositories: ChosenRepository[],
  ask: (store: Kept) => Promise<T>,
): Promise<Answer<T>[]> {
  return Promise.all(
    repositories.map(async (repository) => {
      using store = openRepository(repository.bucket);
      try {
        const found = await (repositories.length === 1 ? ask(store) : inTime(ask(store)));
        return { repository, found, error: null };
      } catch (error) {
        return { repository, found: null, error };
      }
    }),
  );
}

/** For a line of progress: where a copy is read from. Nothing where there is one repository. */
export function outOf({ buckets }: Pick<Topology, "buckets">, repository: number): string {
  return buckets.length === 1 ? "" : ` out of repository ${repository}`;
}

export interface ReadOptions {
  /** This one alone; all that answer if left out. */
  repository?: number | undefined;
  /** Is told of one of several that does not answer. */
  tell(line: string): void;
}

/**
 * What the repositories hold that answer, each copy once.
 * @param ask What one of them holds, in the order that is wanted.
 * @param nameOf The same for a copy in every repository; the order of the names is that of the copies.
 * @throws Problem (exit 2) where there is no such repository, and what the first one said where none answers.
 */
export async function readCopies<T>(
  topology: Topology,
  ask: (store: Kept) => Promise<T[]>,
  nameOf: (copy: T) => string,
  { repository, tell }: ReadOptions,
): Promise<InRepositories<T>[]> {
  const wanted =
    repository === undefined ? repositoriesOf(topology) : [repositoryNumbered(topology, repository)];
  const answers = await askEach(wanted, ask);
  const silent = answers.filter(({ found }) => found === null);
  if (silent.length === answers.length) throw answers[0]!.error;
  for (const { error, repository: one } of silent)
    tell(`warning: ${repositoryText(one)} does not answer: ${messageOf(error).split("\n")[0]}`);
  return merge(
    answers.map(({ found, repository: { number } }) => ({ number, copies: found ?? [] })),
    nameOf,
  );
}

/** Copies of the same name are one, in all repositories that have it. */
export function merge<T>(
  held: { number: number; copies: T[] }[],
  nameOf: (copy: T) => string,
): InRepositories<T>[] {
  const byName = new Map<string, InRepositories<T>>();
  for (const { copies, number } of held) {
    for (const copy of copies) {
      const known = byName.get(nameOf(copy));
      if (known) known.repositories.push(number);
      else byName.set(nameOf(copy), { ...copy, repositories: [number] });
    }
  }
  return [...byName].sort(([a], [b]) => a.localeCompare(b)).map(([, copy]) => copy);
}
