import { readStackFile } from "../../deploy/stackFile.ts";
import { fingerprintOf } from "../../recoveryKit/contents.ts";
import { type KitNote, noteKey } from "../../recoveryKit/recoveryKit.ts";
import { openStore } from "../../restore/store.ts";
import type { Check, Finding } from "../check.ts";

/** Whether the file from which everything can be rebuilt is as new as the stack. */
export const recoveryKit: Check = {
  name: "recovery-kit",
  async run({ topology }) {
    const { stack } = topology;
    if (topology.recovery.recipients.length === 0) return judge(stack, [], null, "");
    using store = openStore(topology);
    const note = (await store.get(noteKey(stack))) as KitNote | null;
    const settings = (await readStackFile(stack)).text;
    return judge(stack, topology.recovery.recipients, note, fingerprintOf(topology, settings));
  },
};

export function judge(
  stack: string,
  recipients: string[],
  note: KitNote | null,
  fingerprint: string,
): Finding {
  const fix = `npx phasewise recovery-kit ${stack} makes a new one`;
  if (recipients.length === 0) return { ok: true, detail: "none is asked for: no recovery.recipients" };
  if (note === null) return { ok: false, detail: "there is none in the bucket", fix };
  const made = `made ${note.madeAt.slice(0, 16).replace("T", " ")} UTC`;
  if (note.fingerprint === fingerprint) return { ok: true, detail: made };
  return { ok: false, detail: `${made}, before keys, machines or settings were changed`, fix };
}
