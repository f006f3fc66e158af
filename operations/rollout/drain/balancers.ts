import { getOne, type HetznerAccess } from "../../../clients/hetzner.ts";
import type { Topology } from "../../../infra/topology.ts";
import type { Machine } from "../../topology.ts";

export type Balancer = Topology["loadBalancers"][number];

interface Target {
  server?: { id: number };
  health_status?: { listen_port: number; status: string }[];
}

/** Those that send clients to a machine, and have another one to send them to. */
export function balancersOf({ loadBalancers }: Topology, { name }: Machine): Balancer[] {
  return loadBalancers.filter(({ machines }) => machines.includes(name) && machines.length > 1);
}

/** Whether a load balancer sends clients to a machine, on any of its ports. */
export async function sendsTo(
  access: HetznerAccess,
  balancer: Balancer,
  { serverId }: Machine,
): Promise<boolean> {
  const found = await getOne(access, "load_balancers", balancer.loadBalancerId);
  const target = (found?.targets as Target[] | undefined)?.find(
    ({ server }) => server?.id === Number(serverId),
  );
  return (target?.health_status ?? []).some(({ status }) => status === "healthy");
}
