import { getOrganization, getProject, getStack, RunError, runtime } from "@pulumi/pulumi";
import { type Deployed, refusals } from "./changes.ts";
import { ConfigError } from "./config.ts";
import type { Outputs } from "./outputs.ts";
import { program, readConfig } from "./program.ts";

/**
 * The program of an ordinary `pulumi up`, with nothing of ours around it: it refuses by itself what would lose data
 * or is another command's work.
 *
 * Throws where the settings have faults, or cannot be brought to what is deployed, before anything is declared.
 */
export async function ordinaryProgram(): Promise<Outputs> {
  const stack = getStack();
  const config = readConfig(stack);
  const deployed = await readDeployed(stack);
  const faults = deployed === undefined ? [] : refusals(deployed, config, config.cloud === "embedded");
  if (faults.length > 0) throw new RunError(new ConfigError(`stacks/Pulumi.${stack}.yaml`, faults).message);
  return program();
}

/** What the stack's last update said of it, as the engine knows it; undefined where there was none. */
async function readDeployed(stack: string): Promise<Deployed | undefined> {
  const name = `${getOrganization()}/${getProject()}/${stack}`;
  const answer = (await runtime.invoke("pulumi:pulumi:readStackOutputs", { name })) as {
    outputs?: Record<string, unknown>;
  };
  return answer.outputs?.deployed as Deployed | undefined;
}
