import { storedPrices } from "../../clients/hetzner/storedPrices.ts";
import { locations } from "./locations.ts";
import { hourly, monthly, price, tebibyte } from "./prices.ts";
import type { LocationPrice } from "./serverTypes.ts";

/** A load balancer type as `GET /load_balancer_types` gives it. */
export interface LoadBalancerType {
  id: number;
  name: string;
  description: string;
  max_connections: number;
  max_services: number;
  max_targets: number;
  max_assigned_certificates: number;
  deprecated: null;
  prices: LocationPrice[];
}

/** id, name, connections, services, targets, certificates, TB of traffic in Europe. */
const rows: readonly [number, string, number, number, number, number, number][] = [
  [1, "lb11", 10_000, 5, 25, 10, 20],
  [2, "lb21", 20_000, 15, 75, 25, 20],
  [3, "lb31", 40_000, 30, 150, 50, 20],
];

export const loadBalancerTypes: readonly LoadBalancerType[] = rows.map(
  ([id, name, connections, services, targets, certificates, trafficTb]) => ({
    id,
    name,
    description: name.toUpperCase(),
    max_connections: connections,
    max_services: services,
    max_targets: targets,
    max_assigned_certificates: certificates,
    deprecated: null,
    prices: locations.map((location) => ({
      location: location.name,
      price_hourly: hourly(netOf(name, location.name)),
      price_monthly: price(netOf(name, location.name)),
      included_traffic: (location.network_zone === "eu-central" ? trafficTb : 1) * tebibyte,
      price_per_tb_traffic: price(
        location.name === "sin" ? monthly.trafficPerTbSingapore : monthly.trafficPerTb,
      ),
    })),
  }),
);

/** EUR a month without tax. */
function netOf(type: string, location: string): number {
  return Number(storedPrices.loadBalancers[type]![location]!.net);
}
