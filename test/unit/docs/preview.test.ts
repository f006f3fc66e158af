import { expect, test } from "vitest";
import { parse } from "yaml";
import { previewComment } from "../../../.github/previewComment.ts";
import type { PreviewReport } from "../../../operations/deploy/preview.ts";
import { documents, read } from "./documents.ts";

const report = {
  stack: "production",
  changes: { create: 0, update: 2, replace: 0, delete: 1, same: 30 },
  resources: [
    { operation: "update", type: "hcloud:index/volume:Volume", name: "core-1-data", properties: ["size"] },
    { operation: "delete", type: "phasewise-native:index:Host", name: "a|b`\nc", properties: [] },
  ],
  price: { monthly: 21.7, currency: "EUR", difference: -0.5, asOf: "2026-11-21", notes: ["A note."] },
} as unknown as PreviewReport;

test("a comment tells what would change and what it would cost", () => {
  expect(previewComment(report)).toBe(`### production: 2 to update, 1 to delete

| | resource | changed |
|---|---|---|
| update | Volume \`core-1-data\` | \`size\` |
| delete | Host \`a\\|b  c\` |  |

**21.70 EUR a month** without VAT (-0.50), prices of 2026-11-21.
- A note.
`);
});

test("a comment is honest where nothing changes and no price is known", () => {
  const nothing = {
    ...report,
    changes: { ...report.changes, update: 0, delete: 0 },
    resources: [],
    price: null,
  };
  expect(previewComment(nothing)).toBe("### production: nothing to change\n\nThe price is not known.\n");
});

test("workflows give no secret to code that nobody has looked at", () => {
  for (const name of documents(".github/workflows/*.yml")) {
    const workflow = parse(read(name)) as {
      on: Record<string, unknown>;
      permissions?: Record<string, string>;
      jobs: Record<string, { if?: string; environment?: string; steps: { uses?: string; run?: string }[] }>;
    };
    expect(workflow.on).not.toHaveProperty("pull_request_target");
    expect(workflow.permissions).toEqual({ contents: "read" });
    for (const job of Object.values(workflow.jobs)) {
      const text = JSON.stringify(job);
      if (!text.includes("secrets.")) continue;
      expect(job.environment).toBeTruthy();
      // A schedule runs the default branch, and nothing of a fork.
      if ("pull_request" in workflow.on) expect(job.if).toContain("head.repo.full_name == github.repository");
      // What somebody else may name must come as a variable, never as a piece of a script.
      for (const step of job.steps) expect(step.run ?? "").not.toContain("${{");
    }
  }
});

test("files that workflows run exist", () => {
  const run = documents(".github/workflows/*.yml").flatMap((name) => [
    ...read(name).matchAll(/\bnode (\S+\.ts)/g),
  ]);
  expect(run.length).toBeGreaterThan(0);
  for (const [, file] of run) expect(() => read(file!)).not.toThrow();
});
