import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Client } from "pg";
import { from } from "pg-copy-streams";
import { CopyWriter, copyHeader, copyTrailer } from "../../examples/generate/copyWriter.ts";
import type { Table } from "../../examples/generate/example.ts";

export interface Copied {
  /** As the server counted them. */
  rows: number;
  bytes: number;
}

/**
 * Streams a table's rows into it; nothing is generated before the server has taken what came before.
 * @param onRows Called with the rows sent so far.
 */
export async function copyTable(
  client: Client,
  table: Table,
  onRows: (rows: number) => void,
  signal: AbortSignal,
): Promise<Copied> {
  // Frozen rows need no vacuum later; PostgreSQL allows it where the table was made in the same transaction.
  const options = table.partitioned ? "FORMAT binary" : "FORMAT binary, FREEZE";
  const columns = table.columns.map((name) => `"${name}"`).join(", ");
  const copy = client.query(from(`COPY "${table.name}" (${columns}) FROM STDIN WITH (${options})`));
  let bytes = 0;
  const chunks = function* () {
    for (const [chunk, rows] of copyChunks(table)) {
      bytes += chunk.length;
      onRows(rows);
      yield chunk;
    }
  };
  await pipeline(Readable.from(chunks()), copy, { signal });
  return { rows: copy.rowCount, bytes };
}

/** A table's rows as one COPY stream, in pieces, with the rows that have been written up to each. */
export function* copyChunks(table: Table): Generator<[Buffer, number]> {
  const out = new CopyWriter();
  yield [copyHeader, 0];
  for (const _ of table.write(out)) yield [out.take(), out.rows];
  yield [out.take(), out.rows];
  yield [copyTrailer, out.rows];
}
