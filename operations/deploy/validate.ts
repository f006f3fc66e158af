import { type Config, ConfigError, fromStackFile, requireConfig } from "../../infra/config.ts";
import { faultProblem } from "./faults.ts";
import type { StackFile } from "./stackFile.ts";

/** Stands for what the embedded cloud fills in when it runs. */
const embeddedStorage = {
  endpoint: "https://127.0.0.1",
  region: "fsn1",
  accessKey: { secure: "" },
  secretKey: { secure: "" },
};

/**
 * The settings of a stack's file, judged before anything is touched.
 * @throws Problem (exit 2) with all faults at once.
 */
export function validate(file: StackFile): Config {
  const config = file.embedded ? { ...file.config, "phasewise:objectStorage": embeddedStorage } : file.config;
  try {
    return requireConfig(fromStackFile(`stacks/Pulumi.${file.stack}.yaml`, config), file.stack);
  } catch (error) {
    if (error instanceof ConfigError) throw faultProblem(file.stack, error.faults, error);
    throw error;
  }
}
