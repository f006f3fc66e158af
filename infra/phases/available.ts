import type { Blueprint, PhaseNumber } from "../blueprint.ts";
import type { Config } from "../config.ts";
import { managed } from "./managed.ts";
import { replicated } from "./replicated.ts";
import { single } from "./single.ts";

/** The phases that this version can build: one line each. */
export const phases = {
  1: single,
  2: managed,
  3: replicated,
} satisfies Partial<Record<PhaseNumber, (config: Config) => Blueprint>>;

export type AvailablePhase = keyof typeof phases;

export const availablePhases = Object.keys(phases).map(Number) as AvailablePhase[];

/** The services that a stack's settings ask for. */
export function blueprintOf(config: Config): Blueprint {
  return phases[config.phase](config);
}
