import type { Command } from "commander";

const head = `# Commands

What \`npx phasewise --help\` says, on one page. It is made of the program itself:
\`npx vitest run --project unit test/unit/docs/commands.test.ts -u\` writes it anew.

\`[stack]\` is the name of a file \`stacks/Pulumi.<stack>.yaml\`; without one it is \`dev\`. Every command takes \`--debug\`
(stack traces) and \`--help\`. With \`--json\` the result is one JSON document on standard output, and a failure is
\`{error: {happened, left, details, todo}}\`; progress goes to standard error. Exit codes: 0 done, 1 failed, 2 bad input
(nothing touched), 130 interrupted.
`;

/** All commands with their options, as a page in Markdown. */
export function reference(program: Command): string {
  return [head, ...program.commands.flatMap((command) => section(command, []))].join("\n");
}

function section(command: Command, parents: string[]): string[] {
  const names = [...parents, command.name()];
  if (command.commands.length > 0) return command.commands.flatMap((one) => section(one, names));
  const args = command.registeredArguments.map((one) =>
    one.required ? `<${one.name()}>` : `[${one.name()}]`,
  );
  const options = command.options
    .filter((option) => option.long !== "--debug")
    .map(
      ({ flags, description, defaultValue }) =>
        `| \`${flags.replaceAll("|", "\\|")}\` | ${cell(description)}${given(defaultValue)} |`,
    );
  const description = command.description();
  const text = `\n${description.charAt(0).toUpperCase()}${description.slice(1)}.\n`;
  const table = options.length > 0 ? `\n| option | |\n|---|---|\n${options.join("\n")}\n` : "";
  return [`## ${names.join(" ")}\n\n\`npx phasewise ${[...names, ...args].join(" ")}\`\n${text}${table}`];
}

function given(value: unknown): string {
  const silent =
    value === undefined || typeof value === "boolean" || (Array.isArray(value) && value.length === 0);
  return silent ? "" : ` (default: ${cell(String(value))})`;
}

/** Outside of code a "<" would begin a tag. */
function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("<", "&lt;");
}
