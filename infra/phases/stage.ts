import type { Blueprint } from "../blueprint.ts";
import type { Config } from "../config.ts";
import { type AvailablePhase, blueprintOf, phases } from "./available.ts";
import { transition } from "./transition.ts";

/**
 * A stack on its way to another phase, while its file still names the one that it comes from.
 *
 * - `expanded`: everything of both phases is there.
 * - `contracted`: only what the new phase has; the file is the last that changes.
 */
export interface Stage {
  from: AvailablePhase;
  to: AvailablePhase;
  state: "expanded" | "contracted";
}

/** The services of a stack: those of its phase, or of the stage that a promotion is in. */
export function stagedBlueprint(config: Config, stage?: Stage): Blueprint {
  if (!stage) return blueprintOf(config);
  const after = phases[stage.to](config);
  return stage.state === "contracted" ? after : transition(phases[stage.from](config), after);
}
