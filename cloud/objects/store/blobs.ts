import { createHash, randomUUID } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, open, readdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";

/** Bytes that are collected before they are written: TLS hands them over in records of 16 KiB. */
const writeBuffer = 512 * 1024;
const readBuffer = 256 * 1024;

/** A part of an object: a file and its size in bytes. */
export interface Piece {
  blob: string;
  size: number;
}

/** What was stored: the file's name, its size in bytes and the MD5 of its content in hexadecimal. */
export interface Blob extends Piece {
  md5: string;
}

export interface Lease {
  /** The bytes `start` up to, not including, `end` of the pieces put together. */
  read(start: number, end: number): AsyncGenerator<Buffer>;
  release(): Promise<void>;
}

/**
 * Files that are written once and never changed, named by chance. A file counts only once the index refers to it;
 * what a dead process left is removed by `sweep`.
 */
export class Blobs {
  readonly #directory: string;
  /** How many read each file now. */
  readonly #leases = new Map<string, number>();
  /** To be removed when its last lease ends. */
  readonly #doomed = new Set<string>();
  /** Folders that are on disk. */
  readonly #folders = new Map<string, Promise<void>>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Writes a new file and returns when it is on disk. When `content` throws, no file is left and the error goes on. */
  async write(content: AsyncIterable<Uint8Array>): Promise<Blob> {
    const blob = randomUUID();
    const path = this.#path(blob);
    const md5 = createHash("md5");
    let size = 0;
    await this.#folder(dirname(path));
    try {
      await pipeline(
        content,
        async function* (chunks: AsyncIterable<Uint8Array>) {
          for await (const chunk of chunks) {
            md5.update(chunk);
            size += chunk.length;
            yield chunk;
          }
        },
        createWriteStream(path, { flags: "wx", mode: 0o600, flush: true, highWaterMark: writeBuffer }),
      );
      await syncDirectory(dirname(path));
    } catch (error) {
      await rm(path, { force: true });
      throw error;
    }
    return { blob, size, md5: md5.digest("hex") };
  }

  /** Keeps the files of `pieces` readable until it is released, whatever is removed meanwhile. */
  lease(pieces: readonly Piece[]): Lease {
    for (const { blob } of pieces) this.#leases.set(blob, (this.#leases.get(blob) ?? 0) + 1);
    let released = false;
    return {
      read: (start, end) => this.#read(pieces, start, end),
      release: async () => {
        if (released) return;
        released = true;
        await Promise.all(pieces.map(({ blob }) => this.#release(blob)));
      },
    };
  }

  /** Removes files to which the index does not refer any more; those on lease go when they are released. */
  async remove(blobs: readonly string[]): Promise<void> {
    await Promise.all(
      blobs.map(async (blob) => {
        if (this.#leases.has(blob)) this.#doomed.add(blob);
        else await rm(this.#path(blob), { force: true });
      }),
    );
  }

  /** Removes every file that `isKnown` denies. Only right after the start, while nothing is being written. */
  async sweep(isKnown: (blob: string) => boolean): Promise<number> {
    let removed = 0;
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    for (const folder of await readdir(this.#directory)) {
      const lost = (await readdir(join(this.#directory, folder))).filter((blob) => !isKnown(blob));
      await this.remove(lost);
      removed += lost.length;
    }
    return removed;
  }

  async *#read(pieces: readonly Piece[], start: number, end: number): AsyncGenerator<Buffer> {
    let offset = 0;
    for (const { blob, size } of pieces) {
      const from = Math.max(start - offset, 0);
      const to = Math.min(end - offset, size);
      if (from < to) {
        yield* createReadStream(this.#path(blob), { start: from, end: to - 1, highWaterMark: readBuffer });
      }
      offset += size;
    }
  }

  /** Makes a folder, once, and waits until its name is on disk. */
  #folder(path: string): Promise<void> {
    const known = this.#folders.get(path);
    if (known !== undefined) return known;
    const made = mkdir(path, { recursive: true }).then(() => syncDirectory(dirname(path)));
    this.#folders.set(path, made);
    made.catch(() => this.#folders.delete(path));
    return made;
  }

  async #release(blob: string): Promise<void> {
    const left = this.#leases.get(blob)! - 1;
    if (left > 0) {
      this.#leases.set(blob, left);
      return;
    }
    this.#leases.delete(blob);
    if (this.#doomed.delete(blob)) await rm(this.#path(blob), { force: true });
  }

  #path(blob: string): string {
    return join(this.#directory, blob.slice(0, 2), blob);
  }
}

/** The name of a new file is on disk only when its directory is. */
async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
