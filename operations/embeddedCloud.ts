import { rm } from "node:fs/promises";
import { join } from "node:path";
import {
  type CloudStatus,
  cloudStatus,
  destroyCloud,
  revokeObjectKeys,
  stopCloud,
} from "../cloud/lifecycle.ts";
import { requireRoot } from "../toolchain/hostPackages.ts";
import { dataFolder } from "../toolchain/paths.ts";
import type { OperationContext } from "./context.ts";
import { cloudDirectory, ensureCloud } from "./deploy/cloud.ts";
import { stackNames } from "./deploy/stackFile.ts";
import { lockStack } from "./deploy/stackLock.ts";

/** The daemon ends; its machines run on. Says whether one ran. */
export function stopEmbedded(): Promise<boolean> {
  requireRoot("Stopping the embedded cloud");
  return stopCloud({ directory: cloudDirectory() });
}

export function embeddedStatus(): Promise<CloudStatus> {
  return cloudStatus({ directory: cloudDirectory() });
}

/** Other keys for the object storage, as Hetzner's console makes them; the old ones are refused from then on. */
export async function rotateObjectKeys(ctx: OperationContext): Promise<void> {
  requireRoot("Changing the object storage's keys");
  await revokeObjectKeys({ directory: cloudDirectory() });
  await ensureCloud(ctx);
}

/**
 * Removes the embedded cloud with all machines, volumes and buckets, and with it the state of the stacks that
 * lived on it: what they describe is gone. Passphrase and toolchain stay.
 */
export async function destroyEmbedded(ctx: OperationContext): Promise<void> {
  requireRoot("Destroying the embedded cloud");
  await using _locks = await lockAll("cloud destroy");
  await destroyCloud({ directory: cloudDirectory(), onProgress: ctx.onLine });
  for (const name of ["state", "pulumi"])
    await rm(join(dataFolder(), name), { recursive: true, force: true });
}

/** Nobody works on any stack meanwhile. */
async function lockAll(command: string): Promise<AsyncDisposable> {
  const locks = new AsyncDisposableStack();
  try {
    for (const stack of await stackNames()) locks.use(await lockStack(stack, command));
    return locks.move();
  } finally {
    await locks.disposeAsync();
  }
}
