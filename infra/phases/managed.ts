import type { Blueprint } from "../blueprint.ts";
import type { Config } from "../config.ts";
import { dataLayer, names, node } from "./parts.ts";

/**
 * A primary and a standby on nodes of their own, which take over from each other. The gateway stays where clients
 * know it, and has the third vote: any one node may be lost and the others still agree on who leads.
 */
export function managed(config: Config): Blueprint {
  const core = node("core", 1, config);
  const databases = [node("db", 1, config), node("db", 2, config)];
  return dataLayer(
    {
      phase: 2,
      nodes: [core, ...databases],
      voters: names([core, ...databases]),
      members: names(databases),
      gateways: [core.name],
    },
    config,
  );
}
