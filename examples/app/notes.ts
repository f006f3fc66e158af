import type { Cache } from "./cache.ts";
import type { Database } from "./database.ts";
import { untilThere } from "./retry.ts";

export interface Note {
  id: string;
  text: string;
}

/** The application's own business: notes, of which one can be written and the newest read. */
export class Notes {
  readonly #database: Database;
  readonly #cache: Cache;

  constructor(database: Database, cache: Cache) {
    this.#database = database;
    this.#cache = cache;
  }

  /** The note has a key before it is written, so that it is written once however often that is tried. */
  async write(note: Note): Promise<void> {
    const sql = "INSERT INTO notes (id, text) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING";
    await untilThere(() => this.#database.writes.query(sql, [note.id, note.text]));
  }

  /** The newest ones, as they were some seconds ago. */
  newest(count: number): Promise<Note[]> {
    return this.#cache.remembered(`notes:newest:${count}`, 2, () =>
      untilThere(async () => {
        const sql = "SELECT id, text FROM notes ORDER BY written DESC LIMIT $1";
        return (await this.#database.reads.query<Note>(sql, [count])).rows;
      }),
    );
  }

  /** One note: whoever has just written it finds it, although no standby may have it yet. */
  async find(id: string): Promise<Note | null> {
    const sql = "SELECT id, text FROM notes WHERE id = $1";
    for (const pool of [this.#database.reads, this.#database.writes]) {
      const { rows } = await untilThere(() => pool.query<Note>(sql, [id]));
      if (rows[0]) return rows[0];
    }
    return null;
  }
}
