import { z } from "zod";
import { propertyDiff } from "../../server/diff.ts";
import type { CheckFailure, Context, Diff, Properties } from "../../server/resource.ts";
import { UNKNOWN } from "../../server/resource.ts";

const hour = 3600_000;
/** A hundred years. */
const maximalHours = 876_000;

export const commonName = z
  .string()
  .min(1, "must not be empty")
  .max(64, "must have at most 64 characters (RFC 5280)");

/** Hours from now, or before the end. */
export const hours = z
  .number()
  .positive("must be more than 0")
  .max(maximalHours, `must be at most ${maximalHours}`);

/** @returns a fault where a certificate would be due for renewal as soon as it is issued. */
export function validityFaults(inputs: Properties): CheckFailure[] {
  const { validityHours, renewBeforeHours } = inputs;
  if (typeof validityHours !== "number" || typeof renewBeforeHours !== "number") return [];
  if (renewBeforeHours < validityHours) return [];
  return [
    {
      property: "renewBeforeHours",
      reason: `must be less than validityHours (${validityHours}), or it would be renewed by every update`,
    },
  ];
}

export function endOf(validityHours: number): Date {
  return new Date(Date.now() + validityHours * hour);
}

/** Whether less than `renewBeforeHours` are left. */
export function isDue(notAfter: unknown, renewBeforeHours: unknown): boolean {
  if (typeof notAfter !== "string" || typeof renewBeforeHours !== "number") return true;
  return Date.parse(notAfter) - Date.now() < renewBeforeHours * hour;
}

/** Changed inputs, and an update of `notAfter` where it is time to renew. */
export function renewalDiff(args: {
  oldInputs: Properties;
  newInputs: Properties;
  oldOutputs: Properties;
  forcesReplacement?: (path: string) => boolean;
}): Diff {
  const { oldInputs, newInputs, oldOutputs, forcesReplacement } = args;
  const diff = propertyDiff({ olds: oldInputs, news: newInputs, forcesReplacement });
  if (newInputs.renewBeforeHours === UNKNOWN || !isDue(oldOutputs.notAfter, newInputs.renewBeforeHours))
    return diff;
  return { ...diff, changes: true, detailed: { ...diff.detailed, notAfter: "update" } };
}

/** Says why there is an update where no input changed: the engine shows changed inputs only. */
export function announceRenewal(ctx: Context, diff: Diff, oldOutputs: Properties): void {
  if (diff.detailed?.notAfter === undefined) return;
  ctx.log("info", `It ends on ${String(oldOutputs.notAfter).slice(0, 10)} and is renewed.`);
}

/** Whether one of the named inputs differs, as far as a preview can know. */
export function changed(diff: Diff, names: string[]): boolean {
  return Object.keys(diff.detailed ?? {}).some((path) =>
    names.some((name) => path === name || path.startsWith(`${name}[`) || path.startsWith(`${name}.`)),
  );
}
