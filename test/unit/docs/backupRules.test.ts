import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";

const text = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");

interface Rules {
  groups: { name: string; rules: { alert: string; expr: string; annotations: { runbook: string } }[] }[];
}

test("every number that an alarm about backups asks for is told by the machines, and each alarm has a runbook", () => {
  const rules = (parse(text("docs/prometheus-rules.yaml")) as Rules).groups.find(
    ({ name }) => name === "phasewise-backups",
  )!.rules;
  const asked = rules.flatMap(({ expr }) => expr.match(/phasewise_\w+/g) ?? []);
  const told = new Set(
    text("roles/backup.py")
      .match(/"phasewise_\w+"/g)
      ?.map((name) => name.slice(1, -1)),
  );
  expect(asked.length).toBeGreaterThan(5);
  expect([...new Set(asked)].filter((name) => !told.has(name))).toEqual([]);
  for (const { annotations } of rules) {
    const [page = "", heading = ""] = annotations.runbook.split("#");
    const headings = (text(page).match(/^#+ .*$/gm) ?? []).map((line) =>
      line.replace(/^#+ /, "").toLowerCase().replaceAll(" ", "-"),
    );
    if (heading !== "") expect(headings).toContain(heading);
  }
});
