import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { machineStats } from "../../../cloud/machines/stats.ts";
import type { Item } from "../item.ts";

/** What phase 1 and its cloud hold of memory when nobody uses them. */
export const measure: Item = async (bench) => {
  const stack = await bench.running();
  bench.progress("idle memory, after a minute of rest");
  await sleep(60_000);
  const [server] = await stack.servers();
  const machine = await machineStats(`${stack.directory}/cloud/machines`, server!.id);
  const { pid } = await stack.cloudStatus();
  return [
    {
      name: "idle machine, anonymous and shared memory",
      values: [(machine.anonymousBytes + machine.sharedBytes) / 2 ** 20],
      unit: "MB",
      goal: { atMost: 300, of: "value" },
    },
    {
      name: "idle daemon with object storage, resident",
      values: [residentMegabytes(pid)],
      unit: "MB",
      goal: { atMost: 250, of: "value" },
    },
  ];
};

/** Resident memory of a process, in MB. */
function residentMegabytes(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  if (!match) throw new Error(`process ${pid} has no VmRSS`);
  return Number(match[1]) / 1024;
}
