import { expect, test } from "vitest";
import { operators } from "../../../roles/operators.ts";
import { PUBLIC_KEY } from "./machine.ts";

const BODY = PUBLIC_KEY.split(" ").slice(0, 2).join(" ");

test("each key has a line with its person's name", () => {
  const role = operators([
    { name: "anna", publicKeys: [PUBLIC_KEY, `${BODY} old`] },
    { name: "ci", publicKeys: [BODY] },
  ]);
  expect(role.files[0]).toMatchObject({
    path: "/root/.ssh/authorized_keys",
    mode: "0600",
    content: `{{secret:operator-key}}\n${BODY} anna\n${BODY} anna\n${BODY} ci\n`,
  });
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
      '- "an na" cannot stand beside a key: use letters, digits and . _ @ -',
      "- ben has no public key",
      '- eve: "command="sh" ssh-ed25519 AAAAC3NzaC1lZDI" is no OpenSSH public key',
      `- eve: "${BODY.slice(0, 40)}" is no OpenSSH public key`,
    ].join("\n"),
  );
});

test("the stack itself is never locked out", () => {
  expect(operators([]).files[0]?.content).toBe("{{secret:operator-key}}\n");
});
