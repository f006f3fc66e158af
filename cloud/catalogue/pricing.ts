import { loadBalancerTypes } from "./loadBalancerTypes.ts";
import { locations } from "./locations.ts";
import { currency, hourly, monthly, price, vatRatePercent } from "./prices.ts";
import { serverTypes } from "./serverTypes.ts";

/** @param net EUR a month without tax, the same everywhere. */
function everywhere(net: number) {
  return locations.map((location) => ({
    location: location.name,
    price_hourly: hourly(net),
    price_monthly: price(net),
  }));
}

/** The body of `GET /pricing`. Floating IPs cost what Hetzner asks for them, though none are offered here. */
export const pricing = {
  currency,
  vat_rate: vatRatePercent.toFixed(6),
  image: { price_per_gb_month: price(monthly.imagePerGb) },
  volume: { price_per_gb_month: price(monthly.volumePerGb) },
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
    { type: "ipv4", prices: everywhere(monthly.primaryIpv4) },
    { type: "ipv6", prices: everywhere(monthly.primaryIpv6) },
  ],
  server_types: serverTypes.map(({ id, name, prices }) => ({ id, name, prices })),
  load_balancer_types: loadBalancerTypes.map(({ id, name, prices }) => ({ id, name, prices })),
};
