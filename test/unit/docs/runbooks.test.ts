import { expect, test } from "vitest";
import { runbooks, withRunbook } from "../../../operations/verify/runbook.ts";
import { documents } from "./documents.ts";

test("every runbook that verify may name is there", () => {
  const there = documents("docs/runbooks/*.md");
  for (const page of runbooks) {
    const [, path] = /^do it \((.*)\)$/.exec(withRunbook("do it", page)) ?? [];
    expect(there).toContain(path);
  }
});
