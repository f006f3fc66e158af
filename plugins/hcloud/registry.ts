import { readdirSync } from "node:fs";
import type { HcloudType } from "./schema.ts";

/** All resource types: every file in `types/` is one, and none is named anywhere else. */
export async function loadTypes(): Promise<HcloudType[]> {
  const folder = new URL("types/", import.meta.url);
  const files = readdirSync(folder)
    .filter((name) => name.endsWith(".ts"))
    .sort();
  const modules = await Promise.all(
    files.map(async (name) => (await import(new URL(name, folder).href)) as { default: HcloudType }),
  );
  return modules.map((module) => module.default);
}
