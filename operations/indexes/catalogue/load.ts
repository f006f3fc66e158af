import { readdir, readFile } from "node:fs/promises";
import { basename, isAbsolute, join, relative } from "node:path";
import { didYouMean } from "../../../infra/config/fault.ts";
import { repository } from "../../../toolchain/paths.ts";
import { Problem } from "../../../toolchain/problem.ts";
import type { Catalogue } from "./entries.ts";
import { catalogueProblem } from "./fault.ts";
import { parseCatalogue } from "./parse.ts";

const folder = join(repository, "catalogues");

/** The names of the catalogues that come with Phasewise, sorted. */
export async function builtInCatalogues(): Promise<string[]> {
  const files = await readdir(folder);
  return files
    .filter((file) => file.endsWith(".yaml"))
    .map((file) => basename(file, ".yaml"))
    .sort();
}

/**
 * Reads catalogues.
 * @param references Names of built-in ones, or paths of files, relative to the project.
 * @throws Problem (exit 2) with every fault of all of them.
 */
export async function loadCatalogues(references: string[]): Promise<Catalogue[]> {
  const builtIn = await builtInCatalogues();
  const unknown: string[] = [];
  const read = await Promise.all(
    [...new Set(references)].map(async (reference) => {
      const path = pathOf(reference, builtIn);
      const text = path && (await readFile(path, "utf8").catch(() => null));
      if (path !== null && text !== null) return { path, text };
      unknown.push(unknownText(reference, path, builtIn));
      return null;
    }),
  );
  if (unknown.length > 0) {
    throw new Problem({
      happened: unknown.join(" "),
      left: "Nothing was changed.",
      todo: [`Give a path that ends in .yaml, or one of: ${builtIn.join(", ")}`],
      exitCode: 2,
    });
  }
  const files = read.filter((one) => one !== null);
  const parsed = files.map(({ path, text }) => {
    const file = isAbsolute(relative(repository, path)) ? path : relative(repository, path);
    return parseCatalogue(basename(path, ".yaml"), file, text!);
  });
  const faults = parsed.flatMap((one) => one.faults);
  if (faults.length > 0) throw catalogueProblem(faults);
  return parsed.map((one) => one.catalogue!);
}

/** Null where the reference is neither a built-in name nor a path. */
function pathOf(reference: string, builtIn: string[]): string | null {
  if (builtIn.includes(reference)) return join(folder, `${reference}.yaml`);
  if (!/\.ya?ml$/.test(reference)) return null;
  return isAbsolute(reference) ? reference : join(repository, reference);
}

function unknownText(reference: string, path: string | null, builtIn: string[]): string {
  if (path !== null) return `The catalogue ${reference} cannot be read.`;
  const near = didYouMean(reference, builtIn);
  return `There is no catalogue "${reference}"${near ? `; did you mean ${near}?` : "."}`;
}
