import { messageOf, Problem } from "../../toolchain/problem.ts";
import { isPastReturn, type Journal } from "../workflow/journal.ts";
import type { PromotionPlan } from "./plan.ts";
import type { PromotionReport } from "./report.ts";

type Seen = Pick<PromotionReport["canary"], "acknowledged" | "missing" | "errors">;

/** Whatever an interrupted step threw, it was the interrupt that ended it. */
export function interruption(error: unknown): Problem {
  if (error instanceof Problem && error.exitCode === 130 && error.left) return error;
  return new Problem({
    happened: "Interrupted.",
    left: "What was finished is recorded; the step at work may have happened in part.",
    exitCode: 130,
    cause: error,
  });
}

/** What failed, with what clients saw of it and the two ways on from here. */
export function told(
  error: unknown,
  { canary, journal, plan }: { plan: PromotionPlan; journal: Journal; canary: Seen | null },
): Problem {
  const problem = error instanceof Problem ? error : null;
  const { stack, steps } = plan;
  const interrupted = problem?.exitCode === 130;
  const final = steps.filter((step) => step.final).map((step) => step.name);
  const back = isPastReturn(journal, final)
    ? []
    : [`npx phasewise promote ${stack} --abort    takes it back`];
  const seen = canary
    ? [`canary: ${canary.acknowledged} rows acknowledged, ${canary.missing} missing, ${canary.errors} errors`]
    : ["canary: the database could not be asked which rows it has; --resume looks for all of them"];
  return new Problem({
    happened: problem?.happened ?? messageOf(error).split("\n")[0]!,
    details: [...(problem?.details ?? messageOf(error).split("\n").slice(1)), ...seen],
    left: problem?.left ?? "What was finished is recorded; clients go on.",
    todo: [
      ...limitHit(error),
      // What another command would be told to run again: here it is this one.
      ...(problem?.todo ?? []).filter((line) => !/npx phasewise (up|destroy|promote) /.test(line)),
      `npx phasewise promote ${stack} --resume   goes on${interrupted ? "" : ", once the cause is gone"}`,
      ...back,
    ],
    exitCode: problem?.exitCode ?? 1,
    cause: error,
  });
}

/** Hetzner's limits are known to nobody before one is hit: its API does not tell them. */
function limitHit(error: unknown): string[] {
  const text = [messageOf(error), ...(error instanceof Problem ? error.details : [])].join("\n");
  if (!/resource_limit_exceeded|limit exceeded/.test(text)) return [];
  return ["Have the limit of the project raised in Hetzner's console (Limits); nothing is lost until then."];
}
