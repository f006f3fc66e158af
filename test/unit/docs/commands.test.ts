import { join } from "node:path";
import type { Command } from "commander";
import { describe, expect, test } from "vitest";
import type { z } from "zod";
import { bare } from "../../../infra/config/expectation.ts";
import { settings } from "../../../infra/config/settings.ts";
import manifest from "../../../package.json" with { type: "json" };
import { buildProgram } from "../../../scripts/main.ts";
import { callsOf, documents, read, root, snippets } from "./documents.ts";
import { reference } from "./reference.ts";

/** What documents tell people to type exists: commands, options, npm scripts, settings. */

const program = buildProgram();
const texts = [...documents("*.md"), ...documents("*.yml"), ...documents("stacks/Pulumi.*.yaml")];
const phasewise = /(?<![\w./-])phasewise (?=[a-z<-])/g;

/** Why a call would be refused; null where it would run. */
function faultOf(words: string[]): string | null {
  let command: Command = program;
  const [own] = [words.includes("--") ? words.slice(0, words.indexOf("--")) : words];
  let values = 0;
  for (let index = 0; index < own.length; index++) {
    const word = own[index]!;
    if (word.startsWith("-")) {
      const [name = "", inline] = word.split("=");
      if (["--help", "-h"].includes(name) || (command === program && ["--version", "-V"].includes(name)))
        continue;
      const option = command.options.find((one) => one.long === name || one.short === name);
      if (!option) return `${command.name()} has no option ${name}`;
      if (inline === undefined && (option.required || (option.optional && !own[index + 1]?.startsWith("-"))))
        index++;
      continue;
    }
    const next = values === 0 ? command.commands.find((one) => one.name() === word) : undefined;
    if (next) command = next;
    else if (command.commands.length > 0) return `${command.name()} has no command ${word}`;
    else if (++values > command.registeredArguments.length && !command.registeredArguments.at(-1)?.variadic)
      return `${command.name()} takes no "${word}"`;
  }
  return null;
}

describe("the judge of calls", () => {
  test.each([
    ["up dev --yes --json", null],
    ["psql dev -- -c 'select 1' --anything", null],
    ["ssh dev core-1 -- systemctl --failed", null],
    ["cloud destroy --yes", null],
    ["--help", null],
    ["pu dev", "phasewise has no command pu"],
    ["cloud up", "cloud has no command up"],
    ["up dev --force", "up has no option --force"],
    ["up dev prod", 'up takes no "prod"'],
    ["journal dev --since -1h extra", 'journal takes no "extra"'],
  ])("%s: %s", (call, fault) => {
    expect(faultOf(callsOf(phasewise, `npx phasewise ${call}`)[0] ?? [])).toBe(fault);
  });

  test("sees the end of a call, and calls in calls", () => {
    const text =
      'eval "$(npx phasewise cloud env)"; npx phasewise up && npx phasewise verify dev | cat # phasewise up x';
    expect(callsOf(phasewise, text)).toEqual([["cloud", "env"], ["up"], ["verify", "dev"], ["up", "x"]]);
  });
});

test.each(texts)("%s names commands and options that exist", (document) => {
  const faults = document.endsWith(".md")
    ? snippets(document).flatMap(({ at, text }) =>
        callsOf(phasewise, text)
          .flatMap((call) => faultOf(call) ?? [])
          .map((fault) => `${at}: ${fault}`),
      )
    : read(document)
        .split("\n")
        .flatMap((line, index) =>
          callsOf(phasewise, line)
            .flatMap((call) => faultOf(call) ?? [])
            .map((fault) => `${document}:${index + 1}: ${fault}`),
        );
  expect(faults).toEqual([]);
});

test("the reference of all commands is what the program says of itself", async () => {
  await expect(reference(program)).toMatchFileSnapshot(join(root, "docs/commands.md"));
});

test("npm scripts that documents name exist", () => {
  const scripts = new Set(["ci", ...Object.keys(manifest.scripts)]);
  const missing = documents("*.md").flatMap((document) =>
    snippets(document).flatMap(({ at, text }) =>
      [...text.matchAll(/\bnpm (?:run )?([a-z0-9][a-z0-9:-]*)/g)]
        .filter(([, name]) => !scripts.has(name!))
        .map(([found]) => `${at}: ${found}`),
    ),
  );
  expect(missing).toEqual([]);
});

test("settings that documents name exist", () => {
  const sections = settings as Record<string, unknown>;
  const known = (name: string, part: string | undefined) => {
    if (!Object.hasOwn(sections, name)) return false;
    const section = bare(sections[name] as z.ZodType);
    return part === undefined || !("shape" in section) || Object.hasOwn(section.shape as object, part);
  };
  const missing = texts.flatMap((document) =>
    [...read(document).matchAll(/(?<![\w-])phasewise:([a-zA-Z]+)(?:\.([a-zA-Z]+))?(?![a-zA-Z:])/g)]
      .filter(([, name, part]) => !known(name!, part))
      .map(([found]) => `${document}: ${found}`),
  );
  expect(missing).toEqual([]);
});
