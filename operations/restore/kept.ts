import { setTimeout as sleep } from "node:timers/promises";
import type { Documents } from "../../clients/s3/documents.ts";
import { messageOf } from "../../toolchain/problem.ts";

/** One of the places, and how it is called where it fails. */
export interface KeptPlace {
  name: string;
  documents: Pick<Documents, "put" | "putText" | "get" | "getText" | "entries" | typeof Symbol.dispose>;
}

/** How long one of several places may take to answer (milliseconds): another one may answer at once. */
const patienceMs = 20_000;

/**
 * What Phasewise itself keeps beside the backups, in every repository of a stack: each write goes to all of them, and a
 * read takes what any of them has, the first one first. One that does not answer is told of once; only where none does, it
 * is an error. To be closed.
 */
export class Kept {
  readonly #places: KeptPlace[];
  readonly #tell: (line: string) => void;
  readonly #told = new Set<string>();

  constructor(places: KeptPlace[], tell: (line: string) => void) {
    this.#places = places;
    this.#tell = tell;
  }

  async put(key: string, value: unknown, options: { unlessThere?: boolean } = {}): Promise<"put" | "exists"> {
    return said(await this.#all((documents) => documents.put(key, value, options)));
  }

  async putText(
    key: string,
    text: string,
    type: string,
    options: { unlessThere?: boolean } = {},
  ): Promise<"put" | "exists"> {
    return said(await this.#all((documents) => documents.putText(key, text, type, options)));
  }

  /** Null where there is none. */
  async get(key: string): Promise<unknown> {
    return (await this.#all((documents) => documents.get(key))).find((found) => found !== null) ?? null;
  }

  async getText(key: string): Promise<string | null> {
    return (await this.#all((documents) => documents.getText(key))).find((found) => found !== null) ?? null;
  }

  /** All keys that begin so, in their order. */
  async keys(prefix: string): Promise<string[]> {
    return (await this.entries(prefix)).map(({ key }) => key);
  }

  /** What begins so, in the order of the keys. */
  async entries(prefix: string): Promise<{ key: string; bytes: number }[]> {
    const found = (await this.#all((documents) => documents.entries(prefix))).reverse().flat();
    const byKey = new Map(found.map((entry) => [entry.key, entry]));
    return [...byKey.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  [Symbol.dispose](): void {
    for (const { documents } of this.#places) documents[Symbol.dispose]();
  }

  /** What the places say that answer, in their order. @throws what the first one said where none does. */
  async #all<T>(ask: (documents: KeptPlace["documents"]) => Promise<T>): Promise<T[]> {
    if (this.#places.length === 1) return [await ask(this.#places[0]!.documents)];
    const answers = await Promise.allSettled(this.#places.map(({ documents }) => inTime(ask(documents))));
    const good = answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value] : []));
    const bad = answers.flatMap((answer, index) =>
      answer.status === "rejected"
        ? [{ error: answer.reason as unknown, name: this.#places[index]!.name }]
        : [],
    );
    if (good.length === 0) throw bad[0]!.error;
    for (const { error, name } of bad) {
      const line = `warning: ${name} does not answer: ${messageOf(error).split("\n")[0]}`;
      if (!this.#told.has(line)) this.#tell(line);
      this.#told.add(line);
    }
    return good;
  }
}

function said(answers: ("put" | "exists")[]): "put" | "exists" {
  return answers.includes("exists") ? "exists" : "put";
}

/** @throws Error where nothing comes for 20 s. */
export async function inTime<T>(answer: Promise<T>): Promise<T> {
  const done = new AbortController();
  const late = sleep(patienceMs, null, { signal: done.signal }).then(() => {
    throw new Error(`nothing came for ${patienceMs / 1000} s`);
  });
  // Whichever comes second is nobody's any more.
  late.catch(() => undefined);
  answer.catch(() => undefined);
  try {
    return await Promise.race([answer, late]);
  } finally {
    done.abort();
  }
}
