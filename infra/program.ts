import { getStack, RunError, runtime, secret } from "@pulumi/pulumi";
import { DataLayer } from "../components/dataLayer.ts";
import { project } from "../components/labels.ts";
import { type Config, ConfigError, fromPulumi, requireConfig } from "./config.ts";
import { hetznerPlan } from "./hetzner/plan.ts";
import { powerOnHook } from "./hetzner/powerOn.ts";
import { type Outputs, outputsOf } from "./outputs.ts";
import { blueprintOf } from "./phases/available.ts";

/**
 * The Pulumi program: what a stack's settings ask for, declared; returns the stack's outputs.
 *
 * Throws where the settings have faults, with all of them, before anything is declared.
 */
export async function program(): Promise<Outputs> {
  const stack = getStack();
  const config = readConfig(stack);
  const spec = hetznerPlan(blueprintOf(config), config, stack);
  const { accessKey, secretKey } = config.objectStorage;
  const storage = { accessKey: secret(accessKey), secretKey: secret(secretKey) };
  const layer = new DataLayer(project, {
    spec,
    storage,
    afterServerChange: powerOnHook(runtime.allConfig()),
  });
  return outputsOf({ layer, spec, config, stack });
}

/** The SDK has it, but its types do not say so. */
const { isConfigSecret: isSecret } = runtime as unknown as { isConfigSecret(key: string): boolean };

function readConfig(stack: string): Config {
  try {
    return requireConfig(fromPulumi(`stacks/Pulumi.${stack}.yaml`, runtime.allConfig(), isSecret), stack);
  } catch (error) {
    // Pulumi shows the message of this class alone, without a stack trace.
    throw error instanceof ConfigError ? new RunError(error.message) : error;
  }
}
