import { routerNamespace } from "../machines/names.ts";
import { run } from "../machines/run.ts";
import { type Guarded, type HostServices, ruleset } from "./ruleset.ts";

/** Puts the rules of all machines of a cloud into force, in one step. */
export async function applyFirewalls(slot: number, machines: Guarded[], host: HostServices): Promise<void> {
  await run("ip", ["netns", "exec", routerNamespace(slot), "nft", "-f", "-"], {
    input: ruleset(machines, host),
  });
}
