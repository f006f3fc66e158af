import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";

export const root = resolve(import.meta.dirname, "../../..");

/** A piece of a document that somebody would type, and where it stands. */
export interface Snippet {
  /** As "README.md:12". */
  at: string;
  text: string;
}

/** All documents of the repository, also those that are not committed yet. */
export function documents(pattern: string): string[] {
  const args = ["ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", pattern];
  const listed = execFileSync("git", args, { cwd: root, encoding: "utf8" }).split("\0");
  const deleted = new Set(
    execFileSync("git", ["ls-files", "--deleted", "-z"], { cwd: root, encoding: "utf8" }).split("\0"),
  );
  return [...new Set(listed)].filter((name) => name !== "" && !deleted.has(name)).sort();
}

export function read(document: string): string {
  return readFileSync(resolve(root, document), "utf8");
}

/** Lines of fenced blocks, and inline code; continued lines are joined. */
export function snippets(document: string): Snippet[] {
  const found: Snippet[] = [];
  let fence: string | null = null;
  let open: Snippet | null = null;
  read(document)
    .split("\n")
    .forEach((line, index) => {
      const at = `${document}:${index + 1}`;
      const mark = /^\s*(```+|~~~+)/.exec(line)?.[1];
      if (mark && (fence === null || line.trim() === fence)) {
        fence = fence === null ? mark : null;
        return;
      }
      if (fence === null) {
        for (const [, code] of line.matchAll(/`([^`]+)`/g)) found.push({ at, text: code! });
        return;
      }
      const text = line.replace(/\\$/, "");
      if (open) open.text += ` ${text.trim()}`;
      else {
        open = { at, text };
        found.push(open);
      }
      if (!line.endsWith("\\")) open = null;
    });
  return found;
}

/** The calls of a program in a snippet, as words: up to the end of each call, quotes taken off. */
export function callsOf(program: RegExp, text: string): string[][] {
  const calls: string[][] = [];
  for (const match of text.matchAll(program)) {
    const rest = text.slice(match.index + match[0].length);
    const words: string[] = [];
    for (const [token, quoted, single] of rest.matchAll(/"([^"]*)"|'([^']*)'|[|;&)#]+|[^\s|;&)]+/g)) {
      if (/^([|;&)#]|\d?>)/.test(token)) break;
      words.push(quoted ?? single ?? token);
    }
    calls.push(words);
  }
  return calls;
}
