import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseDocument } from "yaml";
import { repository } from "../../toolchain/paths.ts";
import { Problem } from "../../toolchain/problem.ts";

/** A stack's file, as Pulumi keeps it: `stacks/Pulumi.<stack>.yaml`. */
export interface StackFile {
  stack: string;
  path: string;
  text: string;
  /** Fully qualified keys (`phasewise:phase`) to values; encrypted ones are `{ secure: "..." }`. */
  config: Record<string, unknown>;
  /** Everything else in the file, as `encryptionsalt`. */
  rest: Record<string, unknown>;
  /** Whether it lives on the embedded cloud. */
  embedded: boolean;
}

const folder = join(repository, "stacks");
const fileName = /^Pulumi\.([A-Za-z0-9_.-]+)\.yaml$/;

/** The names of all stacks that have a file, sorted. */
export async function stackNames(): Promise<string[]> {
  const names = (await readdir(folder)).map((name) => fileName.exec(name)?.[1]);
  return names.filter((name) => name !== undefined).sort();
}

/** @throws Problem (exit 2) where there is no such file or it is not a stack's file. */
export async function readStackFile(stack: string): Promise<StackFile> {
  const path = join(folder, `Pulumi.${stack}.yaml`);
  if (!fileName.test(`Pulumi.${stack}.yaml`) || !(await stackNames()).includes(stack)) {
    throw new Problem({
      happened: `There is no stack "${stack}": stacks/Pulumi.${stack}.yaml does not exist.`,
      left: "Nothing was changed.",
      todo: [
        `Give one of: ${(await stackNames()).join(", ")}; or copy one of their files in stacks/ to that name.`,
      ],
      exitCode: 2,
    });
  }
  return parseStackFile(stack, path, await readFile(path, "utf8"));
}

/** @throws Problem (exit 2) with every fault of the file's syntax. */
export function parseStackFile(stack: string, path: string, text: string): StackFile {
  const document = parseDocument(text);
  const faults = document.errors.map((error) => error.message.split("\n")[0] ?? error.message);
  const content: unknown = document.errors.length === 0 ? document.toJS() : {};
  if (faults.length === 0 && !isMap(content)) faults.push("it must be a map with the key `config`");
  const { config = {}, ...rest } = isMap(content) ? content : {};
  if (!isMap(config)) faults.push("`config` must be a map of keys like `phasewise:phase`");
  if (faults.length > 0) {
    throw new Problem({
      happened: `${path} is not a stack's file:`,
      details: faults,
      left: "Nothing was changed.",
      todo: ["Correct it and run this again."],
      exitCode: 2,
    });
  }
  const values = config as Record<string, unknown>;
  return { stack, path, text, config: values, rest, embedded: values["phasewise:cloud"] === "embedded" };
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
