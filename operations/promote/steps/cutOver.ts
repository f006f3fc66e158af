import { leaderName, type PromotionStep } from "./promotionStep.ts";

export function cutOver(before: string[], after: string[]): PromotionStep {
  const [target] = after;
  const [origin] = before;
  if (target === undefined || origin === undefined) throw new Error("a cluster without members");
  return {
    name: "cut-over",
    title: `move the primary to ${target}`,
    typicalSeconds: 6,
    probe: async (world) => after.includes((await leaderName(world)) ?? ""),
    act: (world) => world.moveLeader(target),
    undo: async (world) => {
      if (!before.includes((await leaderName(world)) ?? "")) await world.moveLeader(origin);
    },
  };
}
