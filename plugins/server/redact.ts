import { secretTexts } from "./values.ts";

/** Shorter texts would blot out half of every message; a secret this short protects nothing. */
const SHORTEST = 4;
/** Lines of a secret (of a private key) are hidden one by one from this length on. */
const SHORTEST_LINE = 16;

/** Hides secrets in texts for people: its own and those of `parent`. */
export class Redactor {
  readonly #texts = new Set<string>();
  readonly #parent: Redactor | null;

  constructor(parent: Redactor | null = null) {
    this.#parent = parent;
  }

  /** Remembers every secret inside `values`. */
  learn(...values: unknown[]): void {
    for (const text of values.flatMap((value) => secretTexts(value))) {
      if (text.length >= SHORTEST) this.#texts.add(text);
      for (const line of text.split("\n").map((item) => item.trim())) {
        if (line !== text && line.length >= SHORTEST_LINE) this.#texts.add(line);
      }
    }
  }

  redact(message: string): string {
    const longestFirst = this.#all().sort((a, b) => b.length - a.length);
    return longestFirst.reduce((result, text) => result.replaceAll(text, "[secret]"), message);
  }

  #all(): string[] {
    return [...this.#texts, ...(this.#parent === null ? [] : this.#parent.#all())];
  }
}
