import { join } from "node:path";
import { missingHostPackages } from "../../cloud/hostPackages.ts";
import { CloudError, cloudStatus, type RunningCloud, startCloud } from "../../cloud/lifecycle.ts";
import { imagePackages } from "../../roles/imagePackages.ts";
import { installHostPackages, requireRoot } from "../../toolchain/hostPackages.ts";
import { dataFolder } from "../../toolchain/paths.ts";
import { Problem } from "../../toolchain/problem.ts";
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
  return asProblem(async () => {
    const status = await cloudStatus({ directory });
    if (status.state !== "running") {
      const missing = await missingHostPackages();
      await installHostPackages({ ...ctx, missing, purpose: "the embedded Hetzner cloud" });
      ctx.onLine("Starting the embedded Hetzner cloud.");
    }
    return startCloud({
      directory,
      imagePackages: imagePackages(),
      onProgress: ctx.onLine,
      signal: ctx.signal,
    });
  });
}

/** Runs something of the cloud's and tells its failures as everybody's are told. */
export async function asProblem<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof CloudError)) throw error;
    const { happened, left, todo, details } = error;
    throw new Problem({ happened, left, todo, details, cause: error });
  }
}
