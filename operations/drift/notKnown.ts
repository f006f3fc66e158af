import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";
import { parseUrn, typeLabel } from "../deploy/names.ts";
import { plain } from "../deploy/progress.ts";

/** A resource that could not be looked at, or a part of it. */
export interface NotKnown {
  /** As "Host". */
  type: string;
  name: string;
  /** Names the machine, and says why. */
  why: string;
}

/** How a plugin's warning of a look that came to no answer begins (plugins/native/notKnown.ts). */
const MARK = /^not known: /;

/** What a look at everything came to no answer about, from the engine's events. */
export function notKnownOf(events: EngineEvent[]): NotKnown[] {
  return events.flatMap(({ diagnosticEvent: said }) => {
    if (said?.severity !== "warning" || !said.urn) return [];
    const text = plain(said.message);
    if (!MARK.test(text)) return [];
    const { name, type } = parseUrn(said.urn);
    return [{ type: typeLabel(type), name, why: text.replace(MARK, "") }];
  });
}
