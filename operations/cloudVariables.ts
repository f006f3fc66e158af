import { cloudEnv } from "../cloud/lifecycle.ts";
import { Problem } from "../toolchain/problem.ts";
import { embeddedPaths } from "./deploy/workspace.ts";
import { embeddedStatus } from "./embeddedCloud.ts";

/**
 * What points other clients at the embedded cloud, and an ordinary `pulumi` at the state of its stacks.
 * @throws Problem where it does not run.
 */
export async function cloudVariables(): Promise<Record<string, string>> {
  const status = await embeddedStatus();
  if (status.state === "running") {
    return {
      ...cloudEnv(status),
      PULUMI_BACKEND_URL: `file://${embeddedPaths.state()}`,
      PULUMI_CONFIG_PASSPHRASE_FILE: embeddedPaths.passphrase(),
    };
  }
  throw new Problem({
    happened: `The embedded cloud is ${status.state}.`,
    left: "Nothing was changed.",
    todo: ["npx phasewise cloud start"],
  });
}
