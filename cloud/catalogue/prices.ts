/** An amount as the API writes it: net and with VAT, decimal strings. */
export interface Price {
  net: string;
  gross: string;
}

/** What `GET /pricing` says of tax. */
export const vatRatePercent = 19;

/** Hetzner's cap is reached after this many hours (30 days and a bit); it makes a monthly price hourly. */
const hoursPerMonth = 624;

/** @param net EUR without tax. */
export function price(net: number): Price {
  const gross = (net * (100 + vatRatePercent)) / 100;
  return { net: net.toFixed(10), gross: `${gross.toFixed(10)}000000` };
}

/** @param netMonthly EUR without tax. */
export function hourly(netMonthly: number): Price {
  return price(Math.ceil((netMonthly / hoursPerMonth) * 10_000) / 10_000);
}

/**
 * EUR without tax, by the month: what is in the price list and in nobody's plan here. What machines, volumes and
 * addresses cost is in the list that is kept with the client. The embedded cloud bills nothing.
 */
export const monthly = {
  primaryIpv6: 0,
  imagePerGb: 0.0143,
  backupPercent: 20,
  trafficPerTb: 1,
  trafficPerTbSingapore: 7.4,
} as const;

export const tebibyte = 2 ** 40;
