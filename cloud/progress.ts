import { open } from "node:fs/promises";

/** Passes on what a start under way says, and how long it has been silent. */
export class Progress {
  readonly #path: string;
  readonly #onLine: (line: string) => void;
  #read = 0;
  #rest = "";
  lastHeard = Date.now();

  constructor(path: string, onLine: (line: string) => void) {
    this.#path = path;
    this.#onLine = onLine;
  }

  async look(): Promise<void> {
    let file: Awaited<ReturnType<typeof open>>;
    try {
      file = await open(this.#path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
      throw error;
    }
    try {
      const { size } = await file.stat();
      if (size <= this.#read) return;
      const { buffer, bytesRead } = await file.read(
        Buffer.alloc(size - this.#read),
        0,
        size - this.#read,
        this.#read,
      );
      this.#read += bytesRead;
      this.lastHeard = Date.now();
      const lines = (this.#rest + buffer.toString("utf8", 0, bytesRead)).split("\n");
      this.#rest = lines.pop() ?? "";
      for (const line of lines) this.#onLine(line);
    } finally {
      await file.close();
    }
  }
}
