import type { CopyWriter } from "./copyWriter.ts";
import type { Table } from "./example.ts";
import type { Random } from "./random.ts";

/** Writes the fields of one row, in the order of the columns. */
export type WriteRow = (out: CopyWriter, random: Random, index: number) => void;

/**
 * A table whose rows are written one after the other, each from its number and the table's own random numbers.
 * @param seeded Gives those numbers from their beginning, each time.
 */
export function tableOf(
  { name, columns, rows, ...rest }: Omit<Table, "write">,
  seeded: () => Random,
  write: WriteRow,
): Table {
  return {
    ...{ name, columns, rows, ...rest },
    *write(out: CopyWriter) {
      const random = seeded();
      for (let index = 0; index < rows; index++) {
        out.row(columns.length);
        write(out, random, index);
        if (out.full) yield;
      }
    },
  };
}
