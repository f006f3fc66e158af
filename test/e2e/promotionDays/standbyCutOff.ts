import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { cut, mend } from "../faults.ts";
import type { Day } from "./day.ts";

export default {
  name: "the network to a new standby is cut while it joins: clients notice nothing, and it goes on once it is mended",
  async run(promotion) {
    const { stack } = promotion;
    await promotion.done("--to", "2", "--pause-before", "join-standby-db-2");
    // It has begun anew when the network goes.
    await promotion.on("db-2", "systemctl stop patroni; rm -rf /data/postgresql/*/main");
    await cut(stack, "db-2");
    const heal = async () => {
      await promotion.on("db-2", "systemctl start --no-block patroni");
      await sleep(20_000);
      await mend(stack);
    };
    try {
      const args = ["--resume", "--pause-before", "cut-over"];
      const outcome = await promotion.struckAt("wait until db-2", heal, ...args);
      if (outcome.code !== 0) {
        promotion.expectTold(outcome);
        await promotion.resumed("--pause-before", "cut-over");
      }
    } finally {
      await mend(stack);
    }
    expect((await promotion.done("--abort")).canary.errors).toBe(0);
  },
} satisfies Day;
