import type { ApplicationSettings } from "../roles/application.ts";
import { PORTS } from "../roles/paths.ts";
import { USERS } from "../roles/redisUsers.ts";
import { databaseRoles } from "../roles/sql/names.ts";
import { addressesOf, addressOf, clusterNamed } from "./lookup.ts";
import type { ClusterSpec, DataLayerSpec, MachineSpec } from "./spec.ts";

/**
 * How an application server reaches its cluster and cache, over the private network: through the load balancer in
 * front of the gateways, or the first gateway where there is none. Its pools have the size of the pooler's own: more
 * of its requests could not be served at once.
 *
 * @param program See the role.
 */
export function applicationSettings(
  machine: MachineSpec,
  layer: DataLayerSpec,
  program: string | undefined,
): ApplicationSettings {
  const application = layer.applications.find((each) => each.machines.includes(machine.name));
  if (!application) throw new Error(`${machine.name} carries no application`);
  if (program === undefined) throw new Error(`there is no program for the application on ${machine.name}`);
  const cluster = clusterNamed(application.cluster, layer);
  const { database, pool } = cluster;
  const [cache] = layer.caches;
  return {
    port: application.port,
    database: {
      name: database,
      user: databaseRoles(database).application,
      host: gatewayAddress(cluster, layer),
      writePort: PORTS.pgbouncer,
      readPort: PORTS.pgbouncerRead,
    },
    cache: cache
      ? {
          user: USERS.application,
          host: gatewayAddress(cache, layer),
          port: PORTS.redis,
          name: cache.name,
          sentinels: addressesOf(cache.sentinels, layer).map((address) => `${address}:${PORTS.sentinel}`),
        }
      : null,
    poolSize: pool.size,
    program,
  };
}

function gatewayAddress({ gateways }: Pick<ClusterSpec, "gateways">, layer: DataLayerSpec): string {
  const balancer = layer.loadBalancers.find(({ machines }) =>
    machines.some((name) => gateways.includes(name)),
  );
  return balancer?.privateAddress ?? addressOf(gateways[0]!, layer);
}
