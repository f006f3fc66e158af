import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Example } from "../../examples/generate/example.ts";
import { repository } from "../../toolchain/paths.ts";
import { Problem } from "../../toolchain/problem.ts";

const folder = join(repository, "examples");

/** An example with its schema as it stands in the file. */
export interface FoundExample {
  name: string;
  example: Example;
  schema: string;
}

/** Names of all examples: the folders of examples/ that hold an example.ts. */
export async function exampleNames(): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true });
  const names = entries.map((entry) => /^([a-z-]+)\/example\.ts$/.exec(entry)?.[1]);
  return names.filter((name) => name !== undefined && name !== "generate").sort() as string[];
}

/** @throws Problem (exit 2) where there is no such example. */
export async function findExample(name: string): Promise<FoundExample> {
  const names = await exampleNames();
  if (!names.includes(name)) {
    throw new Problem({
      happened: `There is no example "${name}".`,
      left: "Nothing was changed.",
      todo: [`Give one of: ${names.join(", ")}`],
      exitCode: 2,
    });
  }
  const { example } = (await import(join(folder, name, "example.ts"))) as { example: Example };
  return { name, example, schema: await readFile(join(folder, name, "schema.sql"), "utf8") };
}
