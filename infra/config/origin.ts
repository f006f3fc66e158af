import { z } from "zod";
import { describe, type Fault } from "./fault.ts";
import { text } from "./fields.ts";

const byCommand = "leave it to npx phasewise restore <stack> --beside <new-stack>, which writes it";

/**
 * The stack whose data a new one begins with: written by `restore --beside` before it makes anything, and taken away
 * when the data is there.
 */
export const origin = z
  .strictObject({
    stack: text(/^[a-z][a-z0-9-]{0,30}$/, "a stack's name", byCommand),
    cluster: text(/^[a-z][a-z0-9-]*$/, "a cluster's name", byCommand),
    to: text(/^\S+( \S+)?$/, "latest, a time, a place in the log, or a restore point's name", byCommand),
  })
  .optional();

export type OriginSetting = NonNullable<z.output<typeof origin>>;

/** Only the command that wrote it knows how its data is reached: without it, an empty database would be made. */
export function unfinishedOrigin(found: OriginSetting, stack: string): Fault {
  return {
    path: "phasewise:origin",
    found: describe(found),
    allowed: `the restore from ${found.stack} alone, until it has ended`,
    fix: `run npx phasewise restore ${found.stack} --to ${found.to} --beside ${stack}, or npx phasewise destroy ${stack}`,
  };
}
