import { existsSync } from "node:fs";
import { join } from "node:path";
import type { OriginSetting } from "../../../infra/config/origin.ts";
import type { Config } from "../../../infra/config.ts";
import type { Topology } from "../../../infra/topology.ts";
import { repository } from "../../../toolchain/paths.ts";
import { Problem } from "../../../toolchain/problem.ts";
import { parseStackFile, readStackFile, type StackFile } from "../../deploy/stackFile.ts";
import { validate } from "../../deploy/validate.ts";
import { besideSettings, withOrigin } from "./settings.ts";

/** The new stack's file, as it is or is going to be. */
export interface Draft {
  file: StackFile;
  /** Whether it is on disk; its text may still want the origin. */
  there: boolean;
  config: Config;
  /** Settings that only a person can give, encrypted; they do not come along. */
  secrets: string[];
}

const SECRETS = ["accessKey", "secretKey"] as const;

/**
 * The file of the new stack: the one that somebody wrote, else the other stack's with what has to differ.
 * @throws Problem (exit 2) with all faults of its settings.
 */
export async function draftOf(source: Topology, origin: OriginSetting, stack: string): Promise<Draft> {
  if (stack === origin.stack) {
    throw new Problem({
      happened: `${stack} cannot be beside itself.`,
      left: "Nothing was touched.",
      todo: ["Give --beside the name of a new stack, or restore over the old data with --in-place."],
      exitCode: 2,
    });
  }
  const path = join(repository, "stacks", `Pulumi.${stack}.yaml`);
  const there = existsSync(path);
  const file = there ? await readStackFile(stack) : await derived(source, origin, stack, path);
  const missing = file.embedded ? [] : SECRETS.filter((name) => !has(file, name));
  const { origin: own, ...config } = validate(missing.length === 0 ? file : filled(file));
  return {
    file,
    there,
    config: { ...config, origin: there ? own : undefined },
    secrets: [
      ...(file.embedded || "hcloud:token" in file.config ? [] : ["hcloud:token"]),
      ...missing.map((name) => `--path phasewise:objectStorage.${name}`),
    ],
  };
}

async function derived(
  source: Topology,
  origin: OriginSetting,
  stack: string,
  path: string,
): Promise<StackFile> {
  const { text } = await readStackFile(origin.stack);
  const bucket = source.buckets[0]!.name;
  return parseStackFile(stack, path, besideSettings({ text, bucket }, origin, stack));
}

/** The text with which the new stack is made. */
export function textOf({ file, there }: Draft, origin: OriginSetting): string {
  return there ? withOrigin(file.text, origin) : file.text;
}

function storageOf(file: StackFile): Record<string, unknown> {
  return (file.config["phasewise:objectStorage"] ?? {}) as Record<string, unknown>;
}

function has(file: StackFile, name: (typeof SECRETS)[number]): boolean {
  return storageOf(file)[name] !== undefined;
}

/** As if the secrets were there: what else is wrong is to be told at once. */
function filled(file: StackFile): StackFile {
  const stands = { accessKey: { secure: "" }, secretKey: { secure: "" } };
  const storage = { ...stands, ...storageOf(file) };
  return { ...file, config: { ...file.config, "phasewise:objectStorage": storage } };
}
