import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { expect, test } from "vitest";
import { documents, read, root } from "./documents.ts";

/** The text without its code, in which no link is one. */
function prose(document: string): string {
  return read(document)
    .replace(/^\s*```[\s\S]*?^\s*```/gm, "")
    .replace(/`[^`\n]*`/g, "");
}

/** The anchors that GitHub makes of a document's headings. */
function anchors(document: string): Set<string> {
  const text = read(document).replace(/^\s*```[\s\S]*?^\s*```/gm, "");
  const seen = new Map<string, number>();
  return new Set(
    [...text.matchAll(/^#{1,6} +(.+?) *#*$/gm)].map(([, heading]) => {
      const slug = heading!
        .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, "")
        .replace(/\s/g, "-");
      const count = seen.get(slug) ?? 0;
      seen.set(slug, count + 1);
      return count === 0 ? slug : `${slug}-${count}`;
    }),
  );
}

test.each(documents("*.md"))("the links of %s lead somewhere", (document) => {
  const links = [...prose(document).matchAll(/\[[^\]]*\]\(([^)\s]+)[^)]*\)|<img[^>]*src="([^"]+)"/g)];
  const broken = links
    .map((match) => match[1] ?? match[2]!)
    .filter((link) => !/^(https?|mailto):/.test(link))
    .filter((link) => {
      const [path = "", anchor] = link.split("#");
      const target = path === "" ? document : join(dirname(document), path);
      if (!existsSync(resolve(root, target))) return true;
      return anchor !== undefined && target.endsWith(".md") && !anchors(target).has(anchor);
    });
  expect(broken).toEqual([]);
});

test("every page of the documentation is in its index", () => {
  const index = read("docs/README.md");
  const pages = documents("docs/*.md").filter(
    (page) => page !== "docs/README.md" && !page.includes("decisions/"),
  );
  expect(pages.filter((page) => !index.includes(`(${page.slice("docs/".length)})`))).toEqual([]);
  const decisions = read("docs/decisions/README.md");
  const made = documents("docs/decisions/*.md").filter((page) => !page.endsWith("README.md"));
  expect(made.filter((page) => !decisions.includes(`(${page.slice("docs/decisions/".length)})`))).toEqual([]);
});
