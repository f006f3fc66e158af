import { getStack, RunError, runtime, secret } from "@pulumi/pulumi";
import { DataLayer } from "../components/dataLayer.ts";
import { project } from "../components/labels.ts";
import { applicationProgram } from "./applicationProgram.ts";
import { unfinishedOrigin } from "./config/origin.ts";
import { type Config, ConfigError, fromPulumi, type ObjectStorage, requireConfig } from "./config.ts";
import { hetznerPlan } from "./hetzner/plan.ts";
import { powerOnHook } from "./hetzner/powerOn.ts";
import { type Origin, originSecrets } from "./origin.ts";
import { type Outputs, outputsOf } from "./outputs.ts";
import { type Scaling, scaledPlan, withSizes } from "./phases/scaling.ts";
import { type Stage, stagedBlueprint } from "./phases/stage.ts";
import { receiverSecrets } from "./receivers.ts";

/**
 * The Pulumi program: what a stack's settings ask for, declared; returns the stack's outputs.
 *
 * Throws where the settings have faults, with all of them, before anything is declared.
 *
 * @param stage Where a promotion is; without one the stack is in the phase that its settings name.
 * @param scaling Where a change of its size is; without one it has the size that its settings name.
 * @param origin Where its cluster takes its first data from; null once it has them. Settings that name an origin are
 * refused where nothing is said of it.
 */
export async function program(stage?: Stage, scaling?: Scaling, origin?: Origin | null): Promise<Outputs> {
  const stack = getStack();
  const settings = readConfig(stack);
  if (settings.origin && origin === undefined)
    throw refusal(new ConfigError(sourceOf(stack), [unfinishedOrigin(settings.origin, stack)]));
  const config = scaling?.state === "contracted" ? withSizes(settings, scaling.to) : settings;
  const { blueprint, plan: spec } = scaling
    ? scaledPlan(settings, scaling, stack)
    : planned(config, stage, stack);
  const { secondRepository } = config.backup;
  const layer = new DataLayer(project, {
    spec: origin ? { ...spec, origin: origin.spec } : spec,
    storage: storageKeys(config.objectStorage),
    ...(secondRepository ? { secondStorage: storageKeys(secondRepository) } : {}),
    receivers: receiverSecrets(config.alerts),
    ...(origin ? { originSecrets: originSecrets(origin) } : {}),
    ...(spec.applications.length > 0 ? { applicationProgram: await applicationProgram() } : {}),
    afterServerChange: powerOnHook(runtime.allConfig()),
  });
  return outputsOf({ layer, spec, config, stack, phase: blueprint.phase, stage, scaling });
}

function storageKeys({ accessKey, secretKey }: ObjectStorage) {
  return { accessKey: secret(accessKey), secretKey: secret(secretKey) };
}

function planned(config: Config, stage: Stage | undefined, stack: string) {
  const blueprint = stagedBlueprint(config, stage);
  return { blueprint, plan: hetznerPlan(blueprint, config, stack) };
}

/** The SDK has it, but its types do not say so. */
const { isConfigSecret: isSecret } = runtime as unknown as { isConfigSecret(key: string): boolean };

/** Throws, as Pulumi shows it without a stack trace, where the settings have faults. */
export function readConfig(stack: string): Config {
  try {
    return requireConfig(fromPulumi(sourceOf(stack), runtime.allConfig(), isSecret), stack);
  } catch (error) {
    throw error instanceof ConfigError ? refusal(error) : error;
  }
}

/** Pulumi shows the message of this class alone, without a stack trace. */
function refusal(error: ConfigError): RunError {
  return new RunError(error.message);
}

function sourceOf(stack: string): string {
  return `stacks/Pulumi.${stack}.yaml`;
}
