import type { Blueprint, Node } from "../blueprint.ts";
import type { Config } from "../config.ts";

/**
 * One node with everything on it. Consensus, proxy and pooler are there from the first day, so that growing is a
 * change of membership and clients never change what they connect to.
 */
export function single(config: Config): Blueprint {
  const core: Node = { name: "core-1", group: "core", number: 1, storageGb: config.volume.sizeGb };
  const cluster = "main";
  const on = [core.name];
  return {
    phase: 1,
    environment: config.environment,
    nodes: [core],
    consensus: { members: on },
    clusters: [
      {
        name: cluster,
        members: on,
        postgresVersion: config.database.postgresVersion,
        database: config.database.name,
        parameters: config.database.parameters,
        extensions: config.database.extensions,
      },
    ],
    proxies: [{ cluster, on }],
    poolers: [{ cluster, on, ...config.pools }],
    buckets: [{ name: "backups" }],
    backups: [{ cluster, bucket: "backups", ...config.backup }],
  };
}
