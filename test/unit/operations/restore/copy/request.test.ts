import { describe, expect, test } from "vitest";
import {
  copyFaults,
  ownerFault,
  roomFault,
  takenFaults,
} from "../../../../../operations/restore/copy/faults.ts";
import { type CopyFlags, copyText, parseCopy } from "../../../../../operations/restore/copy/request.ts";

const orders = { schema: "public", name: "orders" };

describe("what is to be copied", () => {
  test.each<[CopyFlags, string | null]>([
    [{}, null],
    [{ database: "app" }, "the database app"],
    [{ database: "app", as: "app_before" }, "the database app as app_before"],
    [{ table: "public.orders" }, "the table public.orders of app"],
    [{ table: "public.Old orders.v1", as: "b.c" }, "the table public.Old orders.v1 as b.c of app"],
    [{ table: "public.orders", database: "shop" }, "the table public.orders of shop"],
  ])("%j", (flags, text) => {
    const request = parseCopy(flags, ["app"]);
    expect(request === null ? null : copyText(request)).toBe(text);
  });

  test.each<[CopyFlags, string[], string[]]>([
    [{ as: "x" }, ["app"], ["--as names the copy of a table or a database: give --table or --database"]],
    [
      { table: "orders", as: `public.${"x".repeat(64)}`, database: "App" },
      ["app"],
      [
        '--table "orders": write schema.name, as public.orders, each of 63 bytes at most',
        `--as "public.${"x".repeat(64)}": write schema.name, as public.orders, each of 63 bytes at most`,
        '--database "App": use a-z, 0-9 and _, no digit first, 41 at most',
      ],
    ],
    [
      { table: "public.orders" },
      ["app", "shop"],
      ["which database holds public.orders? Give --database: app, shop"],
    ],
    [
      { database: "postgres", as: "1; drop" },
      ["app"],
      [
        "--database postgres: that name belongs to the cluster itself",
        '--as "1; drop": use a-z, 0-9 and _, no digit first, 41 at most',
      ],
    ],
    [
      { table: 'public."x', database: "app" },
      ["app"],
      ['--table "public."x": write schema.name, as public.orders, each of 63 bytes at most'],
    ],
  ])("%j is refused, all faults at once", (flags, databases, details) => {
    try {
      parseCopy(flags, databases);
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({
        happened: "This cannot be copied into the stack:",
        left: "Nothing of the stack was touched.",
        details,
        exitCode: 2,
      });
    }
  });
});

describe("what keeps a copy from being begun", () => {
  const facts = { unreachable: null, databases: ["postgres", "app"], taken: [], owner: "app_owner" };
  const table = { kind: "table", database: "app", from: orders, to: orders } as const;
  const database = { kind: "database", from: "app", to: "app_before" } as const;

  test("nothing, where nothing is in its way", () => {
    expect(copyFaults(table, facts)).toEqual([]);
    expect(copyFaults(database, facts)).toEqual([]);
  });

  test("a primary that does not answer", () => {
    expect(copyFaults(table, { ...facts, unreachable: "no leader", databases: [] })).toEqual([
      "the primary does not answer (no leader): a copy needs it; --keep lets the machine stay without",
    ]);
  });

  test("names that are taken, and an owner as whom nobody comes", () => {
    expect(copyFaults(table, { ...facts, taken: [orders], owner: "joe" })).toEqual([
      "app belongs to joe, as whom no operator comes: make its owner app_owner",
      "app has a public.orders already: give another name with --as schema.name",
    ]);
    expect(copyFaults({ ...database, to: "app" }, facts)).toEqual([
      "there is a database app already: give another name with --as",
    ]);
    expect(takenFaults("app", [])).toEqual([]);
    expect(ownerFault("app", "postgres")).toEqual([]);
  });

  test("a database that is not there", () => {
    expect(copyFaults({ ...table, database: "shop" }, facts)).toEqual([
      "the stack has no database shop; it has postgres, app",
    ]);
  });

  test("a volume without room", () => {
    expect(roomFault(database, 5e9, 10e9)).toEqual([]);
    expect(roomFault(database, 5e9, 9.9e9)).toEqual([
      "the database app as app_before has 5.0 GB, and needs twice that with its log; the volume of the primary has 9.9 GB free",
    ]);
  });
});
