import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { operators } from "../../../roles/operators.ts";
import { PUBLIC_KEY } from "./machine.ts";

const BODY = PUBLIC_KEY.split(" ").slice(0, 2).join(" ");

function contentOf(people: Parameters<typeof operators>[0], path: string): string | undefined {
  return operators(people).files.find((file) => file.path === path)?.content;
}

test("each person has a file of keys that only root writes, with the person's name beside each key", () => {
  const people = [
    { name: "anna", publicKeys: [PUBLIC_KEY, `${BODY} "old" $(laptop)`] },
    { name: "ci", publicKeys: [BODY] },
  ];
  expect(contentOf(people, "/etc/ssh/operators/anna")).toBe(`${BODY} anna\n${BODY} anna\n`);
  expect(contentOf(people, "/etc/ssh/operators/ci")).toBe(`${BODY} ci\n`);
  expect(operators(people).files.every((file) => file.owner === "root")).toBe(true);
});

test("who is wanted is listed in the order of sort, whatever the order of the settings", () => {
  const people = ["zoe", "al-1", "al", "bob"].map((name) => ({ name, publicKeys: [BODY] }));
  const list = contentOf(people, "/etc/phasewise/operators");
  expect(list).toBe("al\nal-1\nbob\nzoe\n");
  expect(execFileSync("sort", { input: list, env: { LC_ALL: "C" } }).toString()).toBe(list);
});

test("malformed keys, options before a key, nameless keys: all faults at once", () => {
  const people = [
    { name: "an na", publicKeys: [PUBLIC_KEY] },
    { name: "ben", publicKeys: [] },
    { name: "eve", publicKeys: [`command="sh" ${PUBLIC_KEY}`, `${BODY} x\nssh-ed25519 AAAA`] },
  ];
  expect(() => operators(people)).toThrow(
    [
      "The operators' keys are wrong:",
      '- "an na" is no account\'s name: use small letters, digits and -',
      "- ben has no public key",
      '- eve: "command="sh" ssh-ed25519 AAAAC3NzaC1lZDI" is no OpenSSH public key',
      `- eve: "${BODY.slice(0, 40)}" is no OpenSSH public key`,
    ].join("\n"),
  );
});

test("the stack itself is root, alone, and never locked out", () => {
  expect(contentOf([], "/root/.ssh/authorized_keys")).toBe("{{secret:operator-key}}\n");
  expect(contentOf([{ name: "anna", publicKeys: [BODY] }], "/root/.ssh/authorized_keys")).toBe(
    "{{secret:operator-key}}\n",
  );
});

test("the steps are sh without a fault", () => {
  for (const step of operators([]).prepare) {
    for (const script of [step.probe, step.act]) execFileSync("sh", ["-n"], { input: script });
  }
});
