import type { Blueprint } from "../blueprint.ts";
import type { Config } from "../config.ts";
import { dataLayer, names, node } from "./parts.ts";

/**
 * One node with everything on it. Consensus, proxy and pooler are there from the first day, so that growing is a
 * change of membership and clients never change what they connect to.
 */
export function single(config: Config): Blueprint {
  const nodes = [node("core", 1, config)];
  const all = names(nodes);
  return dataLayer({ phase: 1, nodes, voters: all, members: all, gateways: all }, config);
}
