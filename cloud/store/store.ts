import { DatabaseSync, type StatementSync } from "node:sqlite";

/** What is kept of every kind: anything with an id. Records are never changed in place, only replaced. */
export interface Row {
  readonly id: number;
}

/** The changes of one transaction. */
export interface Transaction<Kinds> {
  /** A number that no record of any kind had, has or will have. */
  newId(): number;
  put<K extends keyof Kinds & string>(kind: K, row: Kinds[K]): void;
  delete(kind: keyof Kinds & string, id: number): void;
}

/** Thrown when another process has the store open. */
export class StoreBusyError extends Error {
  override name = "StoreBusyError";
}

/**
 * Records by kind and id, all of them in memory and every change of them on disk before `transact` returns.
 *
 * The file is an SQLite database in WAL mode with full synchronisation: after a crash, at any point, it holds the
 * whole of each transaction that returned and nothing of any other. One process has it at a time, by a file lock
 * which ends with that process.
 */
export class Store<Kinds extends { [K in keyof Kinds]: Row }> {
  /** Grows with every transaction that changed something: what was derived from an older one is stale. */
  revision = 0;
  readonly #rows = new Map<string, Map<number, Row>>();
  readonly #database: DatabaseSync;
  readonly #put: StatementSync;
  readonly #delete: StatementSync;
  readonly #saveSequence: StatementSync;
  #sequence: number;
  #inTransaction = false;

  /**
   * @param path the database file, or ":memory:" for one that is not kept.
   * @throws StoreBusyError when another process has it open.
   */
  constructor(path: string) {
    this.#database = open(path);
    this.#put = this.#database.prepare("INSERT OR REPLACE INTO records (kind, id, body) VALUES (?, ?, ?)");
    this.#delete = this.#database.prepare("DELETE FROM records WHERE kind = ? AND id = ?");
    this.#saveSequence = this.#database.prepare("UPDATE sequence SET value = ?");
    this.#sequence = this.#database.prepare("SELECT value FROM sequence").get()?.value as number;
    for (const { kind, body } of this.#database
      .prepare("SELECT kind, body FROM records ORDER BY id")
      .iterate()) {
      const row = JSON.parse(body as string) as Row;
      this.#kind(kind as string).set(row.id, row);
    }
  }

  get<K extends keyof Kinds & string>(kind: K, id: number): Kinds[K] | undefined {
    return this.#rows.get(kind)?.get(id) as Kinds[K] | undefined;
  }

  /** In the order of their ids. */
  all<K extends keyof Kinds & string>(kind: K): Kinds[K][] {
    return [...this.#kind(kind).values()] as Kinds[K][];
  }

  count(kind: keyof Kinds & string): number {
    return this.#rows.get(kind)?.size ?? 0;
  }

  /**
   * Runs `body`, which reads from the store and writes through the transaction, as a whole or not at all: when it
   * throws, everything is as it was. What it wrote it also reads. It must not wait for anything.
   */
  transact<T>(body: (transaction: Transaction<Kinds>) => T): T {
    if (this.#inTransaction) throw new Error("a transaction is open already");
    this.#inTransaction = true;
    const before = new Map<string, { kind: string; id: number; row: Row | undefined }>();
    const sequence = this.#sequence;
    const remember = (kind: string, id: number) => {
      const key = `${kind}/${id}`;
      if (!before.has(key)) before.set(key, { kind, id, row: this.#kind(kind).get(id) });
    };
    try {
      const result = body({
        newId: () => ++this.#sequence,
        put: (kind, row) => {
          remember(kind, row.id);
          this.#kind(kind).set(row.id, row);
        },
        delete: (kind, id) => {
          remember(kind, id);
          this.#kind(kind).delete(id);
        },
      });
      if (before.size > 0) {
        this.#write([...before.values()], sequence);
        this.revision++;
      }
      return result;
    } catch (error) {
      this.#sequence = sequence;
      for (const { kind, id, row } of before.values()) this.#restore(kind, id, row);
      throw error;
    } finally {
      this.#inTransaction = false;
    }
  }

  close(): void {
    this.#database.close();
  }

  #kind(kind: string): Map<number, Row> {
    let rows = this.#rows.get(kind);
    if (!rows) {
      rows = new Map();
      this.#rows.set(kind, rows);
    }
    return rows;
  }

  /** Puts a record back to what it was; a map keeps the order of insertion, so a deleted one needs a new map. */
  #restore(kind: string, id: number, row: Row | undefined): void {
    const rows = this.#kind(kind);
    if (!row) {
      rows.delete(id);
      return;
    }
    const wasDeleted = !rows.has(id);
    rows.set(id, row);
    if (wasDeleted) this.#rows.set(kind, new Map([...rows].sort(([a], [b]) => a - b)));
  }

  #write(changed: { kind: string; id: number }[], sequenceBefore: number): void {
    this.#database.exec("BEGIN");
    try {
      for (const { kind, id } of changed) {
        const row = this.#kind(kind).get(id);
        if (row) this.#put.run(kind, id, JSON.stringify(row));
        else this.#delete.run(kind, id);
      }
      if (this.#sequence !== sequenceBefore) this.#saveSequence.run(this.#sequence);
      this.#database.exec("COMMIT");
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      throw error;
    }
  }
}

/**
 * Keeps everybody from a store, as its opener does, without reading it: for those who are about to remove it.
 *
 * @throws StoreBusyError when another process has it open.
 */
export function seizeStore(path: string): { release(): void } {
  let database: DatabaseSync;
  try {
    database = open(path);
  } catch (error) {
    if (error instanceof StoreBusyError) throw error;
    // Nobody can have a damaged one open.
    return { release: () => {} };
  }
  return { release: () => database.close() };
}

function open(path: string): DatabaseSync {
  const database = new DatabaseSync(path);
  try {
    database.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
    database.exec(`
      CREATE TABLE IF NOT EXISTS records (
        kind TEXT NOT NULL, id INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (kind, id)
      ) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS sequence (value INTEGER NOT NULL);
      INSERT INTO sequence SELECT 1000 WHERE NOT EXISTS (SELECT 1 FROM sequence);
      UPDATE sequence SET value = value;
    `);
    return database;
  } catch (error) {
    database.close();
    if (error instanceof Error && /locked|busy/i.test(error.message)) {
      throw new StoreBusyError(`another process has ${path} open`, { cause: error });
    }
    throw error;
  }
}
