import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";

const text = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");

interface Rules {
  groups: { name: string; rules: { alert: string; expr: string; annotations: { runbook: string } }[] }[];
}

test("every number that an alarm about backups and drills asks for is told by somebody, and each has a runbook", () => {
  const rules = (parse(text("docs/prometheus-rules.yaml")) as Rules).groups
    .filter(({ name }) => ["phasewise-reach", "phasewise-backups", "phasewise-drills"].includes(name))
    .flatMap((group) => group.rules);
  const asked = rules.flatMap(({ expr }) => expr.match(/phasewise_\w+/g) ?? []);
  const tellers = [
    "roles/backup.py",
    "roles/dailyCopies.py",
    "roles/alerts/alerts.ts",
    "operations/drill/tell.ts",
  ];
  const told = new Set(tellers.flatMap((path) => text(path).match(/phasewise_\w+/g) ?? []));
  expect(asked.length).toBeGreaterThan(9);
  expect([...new Set(asked)].filter((name) => !told.has(name))).toEqual([]);
  for (const { annotations } of rules) {
    const [page = "", heading = ""] = annotations.runbook.split("#");
    const headings = (text(page).match(/^#+ .*$/gm) ?? []).map((line) =>
      line.replace(/^#+ /, "").toLowerCase().replaceAll(" ", "-"),
    );
    if (heading !== "") expect(headings).toContain(heading);
  }
});
