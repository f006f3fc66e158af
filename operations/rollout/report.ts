import type { CanaryReport } from "../canary/canary.ts";
import type { StepStall } from "../promote/report.ts";
import type { CutoverTimes } from "../switchover/cutover.ts";
import type { Pending } from "../verify/checks/pendingRestarts.ts";
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
  /** Null where nothing was done. `announcedErrors` of its errors fell into what was announced. */
  canary: (Omit<CanaryReport, "stalls"> & { announcedErrors: number; stalls: StepStall[] }) | null;
  /** Restarts that still wait. */
  pending: Pending[];
}

export function machinesOf(machines: (MachineWork & { notice: string | null })[]): RolloutReport["machines"] {
  return machines.map(({ notice, ...work }) => ({ machine: work.machine, work: describeWork(work), notice }));
}

/** Whether clients were hurt in a way that nobody announced. */
export function isUnhurt({ canary }: RolloutReport): boolean {
  return canary === null || (canary.missing === 0 && canary.errors <= canary.announcedErrors);
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
  const announced = canary.announcedErrors > 0 ? ` (${canary.announcedErrors} of them announced)` : "";
  return [
    heads[outcome],
    `  rows     ${canary.acknowledged} acknowledged, ${canary.missing} missing`,
    `  clients  ${canary.errors} errors${announced}; 99 % of their waits within ${canary.p99StallMs} ms, the longest:`,
    ...canary.stalls.map(({ ms, step }) => `  wait     ${ms} ms${step ? ` during ${step}` : ""}`),
    ...(cutovers.length > 0
      ? [`  held     ${cutovers.map((times) => `${times.heldMs} ms`).join(", ")} while the primary moved`]
      : []),
    ...pending.map(({ machine, reason, what }) => `  waits    ${what} on ${machine} (${reason})`),
    ...canary.samples.map((sample) => `  ! ${sample}`),
  ].join("\n");
}
