/** An amount as the API writes it: net and with VAT, decimal strings. */
export interface Price {
  net: string;
  gross: string;
}

/** What `GET /pricing` says of currency and tax. */
export const currency = "EUR";
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
 * EUR without tax, by the month. The embedded cloud bills nothing: these let a price be shown and compared. Confirmed
 * for 2026-06-15 is the IPv4 address; the others are near what Hetzner asked for and stand in for the live price list.
 */
export const monthly = {
  primaryIpv4: 0.5,
  primaryIpv6: 0,
  volumePerGb: 0.0572,
  imagePerGb: 0.0143,
  backupPercent: 20,
  trafficPerTb: 1,
  trafficPerTbSingapore: 7.4,
} as const;

export const tebibyte = 2 ** 40;
