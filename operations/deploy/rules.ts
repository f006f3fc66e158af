import { type Deployed, refusals } from "../../infra/changes.ts";
import { unfinishedOrigin } from "../../infra/config/origin.ts";
import { faultProblem } from "./faults.ts";
import type { Prepared } from "./prepare.ts";
import { stackOutputs } from "./state.ts";

/**
 * Refuses what an `up` must not do to a stack that runs: another phase is `promote`'s work, a volume never
 * shrinks, a stack whose first data is not there yet is `restore --beside`'s, and so on.
 * @throws Problem (exit 2) with all reasons at once.
 */
export function refuseChanges({ config, state, deployment }: Prepared): void {
  const { stack } = deployment.file;
  if (config.origin) throw faultProblem(stack, [unfinishedOrigin(config.origin, stack)]);
  const deployed = state && (stackOutputs(state)?.deployed as Deployed | undefined);
  if (!deployed) return;
  const faults = refusals(deployed, config, deployment.file.embedded);
  if (faults.length > 0) throw faultProblem(stack, faults);
}
