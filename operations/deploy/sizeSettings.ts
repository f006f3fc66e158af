import { readFile } from "node:fs/promises";
import writeFileAtomic from "write-file-atomic";
import { parseDocument } from "yaml";
import type { Sizes } from "../../infra/phases/scaling.ts";
import { readStackFile } from "./stackFile.ts";

/** Where each size stands in a stack's file. */
const places: Record<keyof Sizes, [string, string]> = {
  replicas: ["phasewise:database", "replicas"],
  serverType: ["phasewise:server", "type"],
  volumeGb: ["phasewise:volume", "sizeGb"],
};

/** Writes sizes into a stack's file; its comments and its order stay. */
export async function writeSizes(stack: string, sizes: Partial<Sizes>): Promise<void> {
  const { path } = await readStackFile(stack);
  await writeFileAtomic(path, sizesInText(await readFile(path, "utf8"), sizes));
}

/** @param text A stack's file. */
export function sizesInText(text: string, sizes: Partial<Sizes>): string {
  const document = parseDocument(text);
  for (const [name, value] of Object.entries(sizes)) {
    document.setIn(["config", ...places[name as keyof Sizes]], value);
  }
  return document.toString({ lineWidth: 0 });
}
