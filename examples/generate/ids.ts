import type { Random } from "./random.ts";

/** Version 7 UUIDs (RFC 9562, 5.7), 16 bytes each, one after the other. */
export class Ids {
  readonly bytes: Uint8Array;

  constructor(count: number) {
    this.bytes = new Uint8Array(16 * count);
  }

  /** @param time Milliseconds since 1970. */
  set(index: number, time: number, random: Random): void {
    writeUuid(this.bytes, 16 * index, time, random);
  }

  of(index: number): Uint8Array {
    return this.bytes.subarray(16 * index, 16 * index + 16);
  }
}

/** Ids that begin with their time keep an index compact: new rows go to its end. */
export function writeUuid(bytes: Uint8Array, at: number, time: number, random: Random): void {
  const high = Math.floor(time / 2 ** 32);
  const low = time >>> 0;
  bytes[at] = high >>> 8;
  bytes[at + 1] = high;
  bytes[at + 2] = low >>> 24;
  bytes[at + 3] = low >>> 16;
  bytes[at + 4] = low >>> 8;
  bytes[at + 5] = low;
  const first = random.uint32();
  bytes[at + 6] = 0x70 | (first & 0x0f);
  bytes[at + 7] = first >>> 8;
  bytes[at + 8] = 0x80 | ((first >>> 16) & 0x3f);
  bytes[at + 9] = first >>> 24;
  for (let offset = 10; offset < 16; offset += 2) {
    const more = random.uint32();
    bytes[at + offset] = more;
    bytes[at + offset + 1] = more >>> 8;
  }
}
