import { readFile } from "node:fs/promises";
import writeFileAtomic from "write-file-atomic";
import { parseDocument } from "yaml";
import { readStackFile } from "./stackFile.ts";

const KEY = "phasewise:phase";

/** The phase that a stack's file asks for. */
export async function readPhase(stack: string): Promise<number> {
  return Number((await readStackFile(stack)).config[KEY]);
}

/** Writes the phase into a stack's file; its comments and its order stay. */
export async function writePhase(stack: string, phase: number): Promise<void> {
  const { path } = await readStackFile(stack);
  await writeFileAtomic(path, withPhase(await readFile(path, "utf8"), phase));
}

/** @param text A stack's file. */
export function withPhase(text: string, phase: number): string {
  const document = parseDocument(text);
  document.setIn(["config", KEY], phase);
  return document.toString({ lineWidth: 0 });
}
