import { mkdir, writeFile } from "node:fs/promises";
import { generateIdentity, identityToRecipient } from "age-encryption";
import { Problem } from "../../../toolchain/problem.ts";
import type { OperationContext } from "../../context.ts";
import { fingerprintOf } from "../../recoveryKit/contents.ts";
import { decryptKit, kitKey, kitText } from "../../recoveryKit/recoveryKit.ts";
import { openStore } from "../../restore/store.ts";
import type { Deployed } from "../../topology.ts";
import { lossFolder, lossPaths } from "./journal.ts";

/**
 * Puts the recovery kit where the rebuild takes it from, and opens it: what cannot be opened now cannot be afterwards.
 * It is the one in the bucket; for a stack that names no recipients one is made for this drill alone.
 * @param identity The file of an age key; undefined where the stack names no recipients.
 * @throws Problem (exit 2) where there is none, it is older than the stack, or the key is not for it.
 */
export async function takeKit(
  { deployment, topology }: Deployed,
  identity: string | undefined,
  ctx: OperationContext,
): Promise<void> {
  const { stack, text: settings } = deployment.file;
  await mkdir(lossFolder(stack), { recursive: true, mode: 0o700 });
  const { recipients } = topology.recovery;
  if (recipients.length === 0) {
    ctx.onLine("the stack names no recovery.recipients: a kit is made for this drill alone");
    const own = await generateIdentity();
    await writeFile(lossPaths.identity(stack), `${own}\n`, { mode: 0o600 });
    const text = await kitText({ deployment, topology }, [await identityToRecipient(own)], ctx);
    return await writeFile(lossPaths.kit(stack), text, { mode: 0o600 });
  }
  if (identity === undefined) {
    throw refused(`The recovery kit of ${stack} is encrypted: its key is needed to rebuild everything.`, [
      `npx phasewise drill ${stack} --lose everything --identity recovery.key`,
    ]);
  }
  using store = openStore(topology);
  const kit = await store.getText(kitKey(stack));
  if (kit === null) throw refused(`There is no recovery kit of ${stack} in its bucket.`, [renew(stack)]);
  await writeFile(lossPaths.kit(stack), kit, { mode: 0o600 });
  const { fingerprint, madeAt } = await decryptKit(lossPaths.kit(stack), identity);
  if (fingerprint === fingerprintOf(topology, settings)) return;
  throw refused(`The recovery kit of ${stack} (${madeAt}) is older than its keys, machines or settings.`, [
    renew(stack),
  ]);
}

function renew(stack: string): string {
  return `npx phasewise recovery-kit ${stack} makes a new one.`;
}

function refused(happened: string, todo: string[]): Problem {
  return new Problem({ happened, left: "Nothing was lost and nothing was changed.", todo, exitCode: 2 });
}
