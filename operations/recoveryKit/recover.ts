import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, isAbsolute, join, relative } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { parse, stringify } from "yaml";
import { repository } from "../../toolchain/paths.ts";
import { Problem } from "../../toolchain/problem.ts";
import type { OperationContext } from "../context.ts";
import { ensureCloud } from "../deploy/cloud.ts";
import { ensurePassphrase, writeWorkingCopy } from "../deploy/embedded.ts";
import { withEngineLock } from "../deploy/engineLock.ts";
import { parseStackFile, readStackFile, type StackFile } from "../deploy/stackFile.ts";
import { lockStack } from "../deploy/stackLock.ts";
import { withSecretsOf } from "../deploy/state.ts";
import { type UpReport, up } from "../deploy/up.ts";
import { type Deployment, ensureStack, openDeployment, readState, runEngine } from "../deploy/workspace.ts";
import type { VerifyReport } from "../verify/check.ts";
import { verifyAfterUp } from "../verifyStack.ts";
import type { Kit } from "./contents.ts";
import { decryptKit, renewKit } from "./recoveryKit.ts";
import { withoutEncrypted } from "./secrets.ts";

export interface RecoverOptions {
  /** The encrypted file, and the file of an age identity that it is for. */
  kit: string;
  identity: string;
  /** Asked before anything is made. */
  confirm?(stack: string, madeAt: string): Promise<boolean>;
  /** Whether machines are made; else its file, its secrets and its state alone come back. */
  up: boolean;
  verify: boolean;
}

/** What `recover --json` prints. */
export interface RecoverReport {
  stack: string;
  /** When the kit was made. */
  madeAt: string;
  /** What was brought back from the kit; empty where an earlier run had done it. */
  restored: string[];
  /** Null where it was not asked for. */
  up: UpReport | null;
  /** Null where it was not asked for. */
  verify: VerifyReport | null;
}

/**
 * Rebuilds a stack of which nothing is left but the bucket: its file, its state with every key and password, and by
 * `up` its machines, which restore the database from the repository. What is there already is kept, so that a run which
 * was killed goes on where it stopped.
 * @throws Problem (exit 2) where the kit cannot be opened, or the checkout has another stack of that name.
 */
export async function recoverStack(options: RecoverOptions, ctx: OperationContext): Promise<RecoverReport> {
  const kit = await decryptKit(options.kit, options.identity);
  const { madeAt, stack } = kit;
  await refuseOther(kit);
  if (options.confirm && !(await options.confirm(stack, madeAt))) {
    throw new Problem({ happened: "Not confirmed.", left: "Nothing was changed.", exitCode: 130 });
  }
  const restored = await bringBack(kit, ctx);
  for (const what of restored) ctx.onLine(`from the kit: ${what}`);
  if (!options.up) return { stack, madeAt, restored, up: null, verify: null };
  // With the machines went what only they knew, as Patroni's settings in etcd: all of it is looked at and put right.
  const { deployment, report } = await up(stack, { refresh: true }, ctx);
  await renewKit(deployment, ctx);
  const verify = options.verify ? await verifyAfterUp(deployment, ctx) : null;
  return { stack, madeAt, restored, up: report, verify };
}

/** The stack's file, its catalogues, its secrets and its state, as far as they are not there. */
async function bringBack(kit: Kit, ctx: OperationContext): Promise<string[]> {
  await using _lock = await lockStack(kit.stack, "recover");
  const restored = [...(await bringFiles(kit))];
  const file = await readStackFile(kit.stack);
  const deployment = await openDeployment(file, ctx);
  if (file.embedded) {
    const cloud = await ensureCloud(ctx);
    await ensurePassphrase();
    await writeWorkingCopy(deployment, cloud);
  } else {
    await ensureStack(deployment);
    restored.push(...(await bringSecrets(kit, deployment)));
  }
  const state = await readState(deployment);
  if (state !== null && state.resources.length > 0) return restored;
  await withEngineLock(deployment, ctx.onLine, async () => {
    const own = await runEngine(deployment, ["stack", "export", "--stack", kit.stack]);
    const input = withSecretsOf(kit.state, own.stdout);
    await runEngine(deployment, ["stack", "import", "--stack", kit.stack], { input });
  });
  return [...restored, "Pulumi's state, with all keys and passwords"];
}

async function bringFiles(kit: Kit): Promise<string[]> {
  const restored: string[] = [];
  const path = join(repository, stackPath(kit.stack));
  if (!existsSync(path)) {
    const parsed = parseStackFile(kit.stack, path, kit.settings);
    // An embedded stack's file has no secrets, and keeps its comments.
    const text = parsed.embedded
      ? kit.settings
      : stringify(withoutEncrypted(parse(kit.settings) as Record<string, unknown>), { lineWidth: 0 });
    await writeFile(path, text, { flag: "wx" });
    restored.push(stackPath(kit.stack));
  }
  for (const [name, content] of Object.entries(kit.catalogues)) {
    const target = join(repository, name);
    if (isAbsolute(name) || relative(repository, target).startsWith("..")) {
      throw new Error(`the catalogue ${name} of the kit lies outside of the project`);
    }
    if (existsSync(target)) continue;
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, content, { flag: "wx" });
    restored.push(name);
  }
  return restored;
}

/** Encrypted values, encrypted anew with the passphrase or KMS of now. */
async function bringSecrets(kit: Kit, deployment: Deployment): Promise<string[]> {
  const text = await readFile(deployment.file.path, "utf8");
  const there = parseStackFile(kit.stack, deployment.file.path, text).config;
  const restored: string[] = [];
  for (const [path, value] of Object.entries(kit.secrets)) {
    const [key = "", ...parts] = path.split(".");
    const found = parts.reduce<unknown>(
      (at, part) => (at as Record<string, unknown> | undefined)?.[part],
      there[key],
    );
    if (found !== undefined) continue;
    const args = ["config", "set", "--secret", "--path", path, "--stack", kit.stack];
    await runEngine(deployment, args, { input: value });
    restored.push(`the setting ${path}`);
  }
  return restored;
}

/** @throws Problem (exit 2) where a file of that name says something else than the kit. */
async function refuseOther(kit: Kit): Promise<void> {
  const path = join(repository, stackPath(kit.stack));
  if (!existsSync(path)) return;
  const there: StackFile = await readStackFile(kit.stack);
  const compared = (text: string) => withoutEncrypted(parse(text) as Record<string, unknown>);
  if (isDeepStrictEqual(compared(there.text), compared(kit.settings))) return;
  throw new Problem({
    happened: `${stackPath(kit.stack)} is there and says something else than the kit of ${kit.stack}, made ${kit.madeAt}.`,
    left: "Nothing was changed.",
    todo: [
      `Move it away, so that the kit's takes its place: mv ${stackPath(kit.stack)} /tmp/, then run this again.`,
      `Change what is to be different afterwards, with npx phasewise up ${kit.stack}.`,
    ],
    exitCode: 2,
  });
}

function stackPath(stack: string): string {
  return `stacks/Pulumi.${stack}.yaml`;
}
