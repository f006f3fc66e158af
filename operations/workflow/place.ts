import { createHash } from "node:crypto";
import { readFile, readlink } from "node:fs/promises";
import { dataFolder } from "../../toolchain/paths.ts";

/**
 * A name for the one place in which a stack's own lock (lockStack) lets a single process work: this host since its
 * boot, this network namespace, this data folder. Whoever holds that lock knows that any other holder of the same name
 * is dead. Null where the host does not tell; then nothing is known of others.
 */
export async function placeName(stack: string): Promise<string | null> {
  try {
    const boot = (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
    const namespace = await readlink("/proc/self/ns/net");
    const text = [boot, namespace, dataFolder(), stack].join("\n");
    return createHash("sha256").update(text).digest("hex").slice(0, 32);
  } catch {
    return null;
  }
}
