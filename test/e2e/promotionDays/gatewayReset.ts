import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import type { Day } from "./day.ts";

/** Its clients are without a database until it is back: errors there are, but no acknowledged row is lost. */
export default {
  name: "the gateway, which is the primary still, is reset while the new machines are made",
  async run(promotion) {
    const { stack } = promotion;
    const strike = async () => {
      await sleep(3000);
      await promotion.power("core-1", "reset");
    };
    const args = ["--to", "2", "--pause-before", "retire-core-1"];
    promotion.expectTold(await promotion.struckAt("[1/", strike, ...args));
    await stack.eventually(async () => expect(await stack.sql("SELECT 1")).toBe("1"));
    await promotion.resumed("--pause-before", "retire-core-1");
    await promotion.done("--abort");
  },
} satisfies Day;
