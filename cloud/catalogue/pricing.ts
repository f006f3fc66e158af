import { storedPrices } from "../../clients/hetzner/storedPrices.ts";
import { loadBalancerTypes } from "./loadBalancerTypes.ts";
import { locations } from "./locations.ts";
import { hourly, monthly, price, vatRatePercent } from "./prices.ts";
import { serverTypes } from "./serverTypes.ts";

/** @param net EUR a month without tax, the same everywhere. */
function everywhere(net: number) {
  return locations.map(({ name }) => perMonth(name, `${net}`));
}

/** @param net EUR a month without tax. */
function perMonth(location: string, net: string) {
  return { location, price_hourly: hourly(Number(net)), price_monthly: price(Number(net)) };
}

/** The body of `GET /pricing`. Floating IPs cost what Hetzner asks for them, though none are offered here. */
export const pricing = {
  currency: storedPrices.currency,
  vat_rate: vatRatePercent.toFixed(6),
  image: { price_per_gb_month: price(monthly.imagePerGb) },
  volume: { price_per_gb_month: price(Number(storedPrices.volumeGb.net)) },
  server_backup: { percentage: monthly.backupPercent.toFixed(10) },
  floating_ip: { price_monthly: price(3) },
  floating_ips: [
    {
      type: "ipv4",
      prices: everywhere(3).map(({ location, price_monthly }) => ({ location, price_monthly })),
    },
    {
      type: "ipv6",
      prices: everywhere(1).map(({ location, price_monthly }) => ({ location, price_monthly })),
    },
  ],
  primary_ips: [
    {
      type: "ipv4",
      prices: locations.map(({ name }) => perMonth(name, storedPrices.primaryIpv4[name]!.net)),
    },
    { type: "ipv6", prices: everywhere(monthly.primaryIpv6) },
  ],
  server_types: serverTypes.map(({ id, name, prices }) => ({ id, name, prices })),
  load_balancer_types: loadBalancerTypes.map(({ id, name, prices }) => ({ id, name, prices })),
};
