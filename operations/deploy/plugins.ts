import { join } from "node:path";
import { repository } from "../../toolchain/paths.ts";

/**
 * The folder of the plugin that stands in for Hetzner's official one; null where the official one is installed
 * or can be downloaded.
 */
export async function standInFolder(_pulumiRoot: string): Promise<string | null> {
  return join(repository, "plugins", "hcloud", "bin");
}
