import { expect } from "vitest";
import { members, powerOff, serverId } from "../failover.ts";
import type { Day } from "./day.ts";

export default {
  name: "the primary's machine dies in the middle of the way back to phase 1: the other standby is the one that moves",
  untried: true,
  async run(promotion) {
    const { stack } = promotion;
    await promotion.done("--to", "2");
    await promotion.done("--to", "1", "--pause-before", "cut-over");
    const leaderName = async () => (await members(stack)).find(({ role }) => role === "leader")?.name;
    const lost = await leaderName();
    await powerOff(stack, await serverId(stack, lost!));
    await stack.eventually(async () => {
      const now = await leaderName();
      expect(now).toBeDefined();
      expect(now).not.toBe(lost);
    });
    expect(await promotion.resumed()).toMatchObject({ from: 2, to: 1 });
  },
} satisfies Day;
