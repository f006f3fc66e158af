import ipaddr from "ipaddr.js";
import { z } from "zod";
import { describe, type Fault } from "./fault.ts";
import { cidrs, trueOrFalse } from "./fields.ts";
import type { Settings } from "./settings.ts";

/** Who measures a stack. */
export const metrics = z
  .strictObject({ enabled: trueOrFalse().default(true), peers: cidrs().default([]) })
  .prefault({});

/** The network that the machines of a stack share. */
const network = ipaddr.IPv4.parseCIDR("10.0.0.0/16");

/** The exporters answer on the private network only: an address from elsewhere never gets there. */
export function metricsPeersAreInside({ settings }: { settings: Partial<Settings> }): Fault[] {
  return (settings.metrics?.peers ?? []).flatMap((peer, index) => {
    const [address, bits] = ipaddr.IPv4.parseCIDR(peer);
    if (address.match(network) && bits >= network[1]) return [];
    return [
      {
        path: `phasewise:metrics.peers[${index}]`,
        found: describe(peer),
        allowed: "ranges in the stack's private network, 10.0.0.0/16: metrics are given there only",
        fix: "attach the machine that measures to the stack's network and write its private address, as 10.0.2.50/32",
      },
    ];
  });
}
