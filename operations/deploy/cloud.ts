import { join } from "node:path";
import { missingHostPackages } from "../../cloud/hostPackages.ts";
import { cloudStatus, type RunningCloud, startCloud } from "../../cloud/lifecycle.ts";
import { imagePackages } from "../../roles/imagePackages.ts";
import { installHostPackages, requireRoot } from "../../toolchain/hostPackages.ts";
import { dataFolder } from "../../toolchain/paths.ts";
import type { OperationContext } from "../context.ts";

/** Where the embedded cloud of this checkout keeps everything. */
export function cloudDirectory(): string {
  return join(dataFolder(), "cloud");
}

/**
 * The running embedded cloud; started where it does not run, with what it needs of the host.
 * @throws Problem where it does not come up; what is missing on the host is told before anything is made.
 */
export async function ensureCloud(ctx: OperationContext): Promise<RunningCloud> {
  const directory = cloudDirectory();
  requireRoot("The embedded Hetzner cloud boots real machines. That");
  const status = await cloudStatus({ directory });
  const wanted = { directory, imagePackages: imagePackages(), signal: ctx.signal };
  // A cloud that runs has nothing to tell that was not told when it started.
  if (status.state === "running") return startCloud(wanted);
  const missing = await missingHostPackages();
  await installHostPackages({ ...ctx, missing, purpose: "the embedded Hetzner cloud" });
  ctx.onLine("Starting the embedded Hetzner cloud.");
  return startCloud({ ...wanted, onProgress: ctx.onLine });
}
