import { setTimeout as sleep } from "node:timers/promises";
import { powerOff, serverId } from "../failover.ts";
import type { Day } from "./day.ts";

export default {
  name: "a new standby's machine loses its power while it joins, and comes back",
  async run(promotion) {
    const { stack } = promotion;
    const strike = async () => {
      await powerOff(stack, await serverId(stack, "db-2"));
      await sleep(5000);
      await promotion.power("db-2", "poweron");
    };
    const args = ["--to", "2", "--pause-before", "cut-over"];
    const outcome = await promotion.struckAt("[3/", strike, ...args);
    if (outcome.code !== 0) {
      promotion.expectTold(outcome);
      await promotion.resumed("--pause-before", "cut-over");
    }
    await promotion.done("--abort");
  },
} satisfies Day;
