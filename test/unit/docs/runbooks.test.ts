import { expect, test } from "vitest";
import { parse } from "yaml";
import { checks } from "../../../operations/verify/checks.ts";
import { runbooks, withRunbook } from "../../../operations/verify/runbook.ts";
import { heartbeatRules } from "../../../roles/alerts/heartbeat.ts";
import { documents, read } from "./documents.ts";

const pages = documents("docs/runbooks/*.md").filter((path) => !path.endsWith("README.md"));
/** What somebody asks who has nothing but the page. */
const questions = ["**You see**", "**What is lost**", "\n1. ", "**It is over**", "**Tried**"];

interface Rules {
  groups: { rules: { alert?: string }[] }[];
}

/** The paragraph that begins with a question's words. */
function answer(page: string, question: string): string {
  return (
    new RegExp(`^${question.replaceAll("*", "\\*")}[^]*?(?=\n\n)`, "m").exec(`${read(page)}\n\n`)?.[0] ?? ""
  );
}

test("every runbook that verify may name is there", () => {
  for (const page of runbooks) {
    const [, path] = /^do it \((.*)\)$/.exec(withRunbook("do it", page)) ?? [];
    expect(pages).toContain(path);
  }
});

test.each(pages)("%s answers every question, in their order, and is on the list", (page) => {
  const text = read(page);
  const places = questions.map((question) => text.indexOf(question));
  expect(places.every((place) => place > 0)).toBe(true);
  expect(places).toEqual(places.toSorted((a, b) => a - b));
  expect(read("docs/runbooks/README.md")).toContain(`(${page.split("/").at(-1)})`);
});

test.each(pages)("%s: what is seen is what the program says, and how long it took was measured", (page) => {
  const seen = answer(page, "**You see**");
  const { groups } = parse(read("docs/prometheus-rules.yaml")) as Rules;
  const alarms = [...groups.flatMap(({ rules }) => rules), ...heartbeatRules.rules].map(({ alert }) => alert);
  const named = seen.replace(/`[^`]*`/g, "").match(/\b[A-Z][a-z]+[A-Z][A-Za-z]+\b/g) ?? [];
  expect(named.filter((name) => !alarms.includes(name) && name !== "PostgreSQL")).toEqual([]);
  const failing = [...seen.matchAll(/`verify` fails in ((?:[^`.;]*`[a-z-]+`)+)/g)].flatMap(
    ([, list]) => list!.match(/(?<=`)[a-z-]+(?=`)/g) ?? [],
  );
  const known = checks.map(({ name }) => name);
  expect(failing.filter((name) => !known.includes(name))).toEqual([]);
  expect(seen).toMatch(/`verify`|`status`|[A-Z][a-z]+[A-Z][a-z]+/);
  expect(answer(page, "**Tried**")).toMatch(/\d+ (s|minutes)\b|not /);
});
