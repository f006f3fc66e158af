import { expect, test } from "vitest";
import { CopyWriter, copyHeader } from "../../../examples/generate/copyWriter.ts";
import { Random } from "../../../examples/generate/random.ts";

/** One field as PostgreSQL reads it: its bytes behind the row's count and the field's length. */
function field(write: (out: CopyWriter) => void): string {
  const out = new CopyWriter();
  out.row(1);
  write(out);
  const bytes = out.take();
  expect(bytes.readInt16BE(0)).toBe(1);
  if (bytes.readInt32BE(2) !== -1) expect(bytes.readInt32BE(2)).toBe(bytes.length - 6);
  return bytes.subarray(6).toString("hex");
}

// What `COPY (SELECT ...) TO STDOUT (FORMAT binary)` of PostgreSQL 17 gives for the same values (jsonb with a space).
test.each<[string, (out: CopyWriter) => void, string]>([
  ["null", (out) => out.null(), ""],
  ["true", (out) => out.boolean(true), "01"],
  ["-2", (out) => out.integer(-2), "fffffffe"],
  ["-5000000000", (out) => out.bigint(-5_000_000_000), "fffffffed5fa0e00"],
  ["0.5::real", (out) => out.real(0.5), "3f000000"],
  ["0.1::double precision", (out) => out.double(0.1), "3fb999999999999a"],
  ["2026-07-01 00:00:00.5+00", (out) => out.timestamp(Date.UTC(2026, 6, 1) + 500), "0002f8802436e120"],
  ["1999-12-31", (out) => out.date(Date.UTC(1999, 11, 31, 12)), "ffffffff"],
  ["12.34", (out) => out.hundredths(1234), "0002000000000002000c0d48"],
  ["-0.05", (out) => out.hundredths(-5), "0001ffff4000000201f4"],
  ["0.00", (out) => out.hundredths(0), "0000000000000002"],
  ["123456789.01", (out) => out.hundredths(12_345_678_901), "000400020000000200010929" + "1a850064"],
  ["Zoë", (out) => out.text("Zoë"), "5a6fc3ab"],
  ["a b", (out) => out.joined([Buffer.from("a"), Buffer.from("b")]), "612062"],
  ["nothing joined", (out) => out.joined([]), ""],
  ['{"a":1}::jsonb', (out) => out.jsonb({ a: 1 }), "017b2261223a317d"],
  ["[1,-0.5]::vector", (out) => out.vector(Float32Array.of(1, -0.5)), "000200003f800000bf000000"],
])("%s", (_, write, bytes) => {
  expect(field(write)).toBe(bytes);
});

test("a new UUID takes 16 bytes", () => {
  expect(field((out) => out.newUuid(0, new Random("1")))).toMatch(/^0{12}7[0-9a-f]{19}$/);
});

test("rows of any length get through, and the writer says when it is full", () => {
  const out = new CopyWriter();
  const long = "x".repeat(500_000);
  out.row(1);
  expect(out.full).toBe(false);
  out.text(long);
  expect(out.full).toBe(true);
  expect(out.take().length).toBe(2 + 4 + long.length);
  expect(out.take().length).toBe(0);
  expect(out.rows).toBe(1);
});

test("the header is the documented one", () => {
  expect(copyHeader.toString("latin1")).toBe("PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0");
});
