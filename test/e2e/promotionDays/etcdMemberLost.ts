import { expect } from "vitest";
import type { Day } from "./day.ts";

export default {
  name: "etcd loses a member before the cutover, which needs the other two only",
  async run(promotion) {
    await promotion.done("--to", "2", "--pause-before", "cut-over");
    await promotion.on("db-2", "systemctl stop etcd.service");
    const { canary } = await promotion.done("--resume", "--pause-before", "confirm");
    expect(canary.errors).toBe(0);
    await promotion.on("db-2", "systemctl start etcd.service");
    await promotion.done("--abort");
  },
} satisfies Day;
