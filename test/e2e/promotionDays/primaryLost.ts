import { expect } from "vitest";
import { type Member, members, powerOff, serverId } from "../failover.ts";
import type { Stack } from "../stack.ts";
import type { Day } from "./day.ts";

/** `status` fails where a machine does not answer, and tells all that it knows. */
async function leaderNow(stack: Stack): Promise<string | undefined> {
  const { stdout } = await stack.run("status", stack.name, "--json");
  const { clusters } = JSON.parse(stdout) as { clusters: { members: Member[] }[] };
  return clusters[0]!.members.find(({ role }) => role === "leader")?.name;
}

export default {
  name: "the primary's machine dies in the middle of the way back to phase 1: the other standby is the one that moves",
  async run(promotion) {
    const { stack } = promotion;
    await promotion.done("--to", "2");
    await promotion.done("--to", "1", "--pause-before", "cut-over");
    const lost = (await members(stack)).find(({ role }) => role === "leader")!.name;
    await powerOff(stack, await serverId(stack, lost));
    await stack.eventually(async () => {
      const now = await leaderNow(stack);
      expect(now).toBeDefined();
      expect(now).not.toBe(lost);
    });
    expect(await promotion.resumed()).toMatchObject({ from: 2, to: 1 });
  },
} satisfies Day;
