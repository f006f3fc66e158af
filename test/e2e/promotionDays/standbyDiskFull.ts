import { setTimeout as sleep } from "node:timers/promises";
import { postgresData } from "../../../roles/paths.ts";
import type { Day } from "./day.ts";

/** It copies anew, onto a volume that has room for next to nothing. */
const fill = [
  "systemctl stop patroni",
  `rm -rf ${postgresData(17)}`,
  "fallocate -l $(($(stat -f -c '%a*%S' /data) - 4194304)) /data/filler",
  "systemctl start --no-block patroni",
].join("; ");

export default {
  name: "the disk of a new standby is full while it copies, and has room again",
  async run(promotion) {
    await promotion.done("--to", "2", "--pause-before", "join-standby-db-2");
    await promotion.on("db-2", fill);
    const mend = async () => {
      await sleep(15_000);
      await promotion.on("db-2", "rm -f /data/filler");
    };
    const args = ["--resume", "--pause-before", "cut-over"];
    const outcome = await promotion.struckAt("wait until db-2", mend, ...args);
    if (outcome.code !== 0) {
      promotion.expectTold(outcome);
      await promotion.resumed("--pause-before", "cut-over");
    }
    await promotion.done("--abort");
  },
} satisfies Day;
