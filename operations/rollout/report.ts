import type { CutoverTimes } from "../switchover/cutover.ts";
import type { Pending } from "../verify/checks/pendingRestarts.ts";
import { clientLines, type WatchedCanary } from "./clients.ts";
import { describeWork, type MachineWork } from "./work.ts";

/** What `rollout --json` prints. */
export interface RolloutReport {
  id: string;
  stack: string;
  /** `nothing`: no work waited; `given up`: by --abort; `paused`: where it was asked to stop. */
  outcome: "done" | "nothing" | "paused" | "given up";
  /** Of this run. */
  seconds: number;
  machines: { machine: string; work: string[]; notice: string | null }[];
  steps: { name: string; seconds: number }[];
  /** Of this run's moves of a primary. */
  cutovers: CutoverTimes[];
  /** Null where nothing was done. */
  canary: WatchedCanary | null;
  /** Restarts that still wait. */
  pending: Pending[];
}

export function machinesOf(machines: (MachineWork & { notice: string | null })[]): RolloutReport["machines"] {
  return machines.map(({ notice, ...work }) => ({ machine: work.machine, work: describeWork(work), notice }));
}

/** For people. */
export function reportText(report: RolloutReport): string {
  const { canary, cutovers, machines, outcome, pending, seconds, stack } = report;
  if (canary === null) return `${stack}: no planned work waits.`;
  const heads = {
    done: `${stack}: done on ${machines.length} machines after ${seconds} s.`,
    nothing: `${stack}: no planned work waits.`,
    paused: `${stack}: stopped where it was asked to, after ${seconds} s.`,
    "given up": `${stack}: given up; everything serves again.`,
  };
  return [
    heads[outcome],
    ...clientLines(canary),
    ...(cutovers.length > 0
      ? [`  held     ${cutovers.map((times) => `${times.heldMs} ms`).join(", ")} while the primary moved`]
      : []),
    ...pending.map(({ machine, reason, what }) => `  waits    ${what} on ${machine} (${reason})`),
    ...canary.samples.map((sample) => `  ! ${sample}`),
  ].join("\n");
}
