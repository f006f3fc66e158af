import { existsSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Deployment } from "./workspace.ts";

/** A file that is there while a command changes a stack, and stays where it did not get to its end. */
function marker(deployment: Deployment): string {
  return join(deployment.folder, "unfinished");
}

/** Whether the last command that changed this stack from here was cut off or failed. */
export function isUnfinished(deployment: Deployment): boolean {
  return existsSync(marker(deployment));
}

/** Runs `work`; only its success removes the mark. */
export async function markUnfinished<T>(deployment: Deployment, work: () => Promise<T>): Promise<T> {
  await writeFile(marker(deployment), "");
  const result = await work();
  await rm(marker(deployment), { force: true });
  return result;
}
