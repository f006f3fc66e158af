import type { Step } from "../../workflow/step.ts";
import type { PromotionWorld } from "../world.ts";

export interface PromotionStep extends Step<PromotionWorld> {
  /** How long it takes with nothing to copy, in seconds, as measured on the embedded cloud: for the plan. */
  typicalSeconds: number;
}

export async function leaderName(world: PromotionWorld): Promise<string | undefined> {
  return (await world.members()).find((member) => member.leader)?.name;
}
