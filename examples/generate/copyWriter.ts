import { writeUuid } from "./ids.ts";
import type { Random } from "./random.ts";

/** "PGCOPY\n\377\r\n\0", no flags, no extension (PostgreSQL 17 documentation, COPY, "Binary Format"). */
export const copyHeader = Buffer.from([
  ...[0x50, 0x47, 0x43, 0x4f, 0x50, 0x59, 0x0a, 0xff, 0x0d, 0x0a, 0x00],
  ...[0, 0, 0, 0, 0, 0, 0, 0],
]);
export const copyTrailer = Buffer.from([0xff, 0xff]);

/** Bytes that are handed on at once, and room for the row that goes beyond them. */
const chunkBytes = 128 * 1024;
const bufferBytes = chunkBytes + 16 * 1024;
/** PostgreSQL counts microseconds, and days, from 2000-01-01. */
const epoch = Date.UTC(2000, 0, 1);

/**
 * Rows in COPY's binary format, in which a number costs its own bytes and no parsing. Each row is begun with `row` and
 * gets its fields in order; when `full`, `take` hands over what is there. Times are milliseconds since 1970.
 */
export class CopyWriter {
  /** Rows begun so far. */
  rows = 0;
  #buffer: Buffer = Buffer.allocUnsafeSlow(bufferBytes);
  /** Of the same memory: faster than Buffer's own methods, which check every value. */
  #view: DataView = new DataView(this.#buffer.buffer);
  #at = 0;

  get full(): boolean {
    return this.#at >= chunkBytes;
  }

  /** The rows since the last time; the writer goes on with a buffer of its own. */
  take(): Buffer {
    const taken = this.#buffer.subarray(0, this.#at);
    this.#use(Buffer.allocUnsafeSlow(bufferBytes));
    this.#at = 0;
    return taken;
  }

  row(fields: number): void {
    this.rows++;
    this.#reserve(2);
    this.#int16(fields);
  }

  null(): void {
    this.#reserve(4);
    this.#int32(-1);
  }

  boolean(value: boolean): void {
    this.#begin(1);
    this.#buffer[this.#at++] = value ? 1 : 0;
  }

  integer(value: number): void {
    this.#begin(4);
    this.#int32(value);
  }

  /** Up to 2^53. */
  bigint(value: number): void {
    this.#begin(8);
    this.#int64(value);
  }

  real(value: number): void {
    this.#begin(4);
    this.#view.setFloat32(this.#at, value);
    this.#at += 4;
  }

  double(value: number): void {
    this.#begin(8);
    this.#view.setFloat64(this.#at, value);
    this.#at += 8;
  }

  timestamp(time: number): void {
    this.#begin(8);
    this.#int64((time - epoch) * 1000);
  }

  /** The day of a moment in UTC. */
  date(time: number): void {
    this.#begin(4);
    this.#int32(Math.floor((time - epoch) / 86_400_000));
  }

  /** numeric with two digits behind the point. @param hundredths A whole number. */
  hundredths(hundredths: number): void {
    const digits = base10000(Math.abs(hundredths) * 100);
    this.#begin(8 + 2 * digits.length);
    // The last digit of four stands behind the point: the weight counts those before it, less one.
    const weight = digits.length === 0 ? 0 : digits.length - 2;
    for (const part of [digits.length, weight, hundredths < 0 ? 0x4000 : 0, 2, ...digits]) this.#int16(part);
  }

  text(value: string): void {
    const most = value.length * 3;
    this.#reserve(4 + most);
    const length = this.#buffer.write(value, this.#at + 4, most, "utf8");
    this.#int32(length);
    this.#at += length;
  }

  /** Text that is UTF-8 already, or bytea. */
  bytes(value: Uint8Array): void {
    this.#begin(value.length);
    this.#copy(value);
  }

  /** Texts, UTF-8 already, with a space between them. */
  joined(parts: readonly Uint8Array[]): void {
    let length = parts.length - 1;
    for (const part of parts) length += part.length;
    this.#begin(Math.max(length, 0));
    for (let index = 0; index < parts.length; index++) {
      if (index > 0) this.#buffer[this.#at++] = 0x20;
      this.#copy(parts[index]!);
    }
  }

  jsonb(value: unknown): void {
    const text = Buffer.from(JSON.stringify(value));
    this.#begin(1 + text.length);
    // The version of jsonb's own format.
    this.#buffer[this.#at++] = 1;
    this.#copy(text);
  }

  uuid(value: Uint8Array): void {
    this.bytes(value);
  }

  newUuid(time: number, random: Random): void {
    this.#begin(16);
    writeUuid(this.#buffer, this.#at, time, random);
    this.#at += 16;
  }

  /** pgvector's vector: dimensions, a reserved word, floats. */
  vector(value: Float32Array): void {
    this.#begin(4 + 4 * value.length);
    this.#int16(value.length);
    this.#int16(0);
    const view = this.#view;
    let at = this.#at;
    for (let index = 0; index < value.length; index++, at += 4) view.setFloat32(at, value[index]!);
    this.#at = at;
  }

  #begin(length: number): void {
    this.#reserve(4 + length);
    this.#int32(length);
  }

  #int64(value: number): void {
    this.#int32(Math.floor(value / 2 ** 32));
    this.#int32(value);
  }

  #int32(value: number): void {
    this.#view.setInt32(this.#at, value);
    this.#at += 4;
  }

  #int16(value: number): void {
    this.#view.setInt16(this.#at, value);
    this.#at += 2;
  }

  /** For a few bytes a loop is several times faster than `set`. */
  #copy(bytes: Uint8Array): void {
    const buffer = this.#buffer;
    let at = this.#at;
    if (bytes.length > 32) {
      buffer.set(bytes, at);
      at += bytes.length;
    } else for (let index = 0; index < bytes.length; index++) buffer[at++] = bytes[index]!;
    this.#at = at;
  }

  #use(buffer: Buffer): void {
    this.#buffer = buffer;
    this.#view = new DataView(buffer.buffer);
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(2 * (this.#at + bytes));
    larger.set(this.#buffer.subarray(0, this.#at));
    this.#use(larger);
  }
}

/** Digits of four, the first not zero; none for zero. */
function base10000(value: number): number[] {
  const digits: number[] = [];
  for (let rest = value; rest > 0; rest = Math.floor(rest / 10_000)) digits.unshift(rest % 10_000);
  return digits;
}
