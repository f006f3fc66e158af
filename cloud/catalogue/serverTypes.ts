import { locations } from "./locations.ts";
import { hourly, monthly, type Price, price, tebibyte } from "./prices.ts";

/** What a line of servers has in common, and where it is sold. */
interface Line {
  cpuType: "shared" | "dedicated";
  category: string;
  /** Location name to factor on the monthly price. */
  sold: Record<string, number>;
}

const europe = { fsn1: 1, nbg1: 1, hel1: 1 };
const lines = {
  cx: { cpuType: "shared", category: "cost_optimized", sold: europe },
  cpx: { cpuType: "shared", category: "regular_purpose", sold: { ...europe, sin: 1.6 } },
  cpxUs: { cpuType: "shared", category: "regular_purpose", sold: { ash: 1, hil: 1 } },
  ccx: {
    cpuType: "dedicated",
    category: "general_purpose",
    sold: { ...europe, ash: 1.08, hil: 1.08, sin: 1.7 },
  },
} satisfies Record<string, Line>;

/**
 * id, name, line, cores, memory (GB), disk (GB), EUR a month without tax, included traffic (TB) in Europe.
 * Sizes are Hetzner's. Prices of cx23, cpx22, ccx13 and cpx21 are those of 2026-06-15; the others of a line are
 * scaled from these by the ratios of the list before, until somebody reads them from the live `/pricing`.
 * No ARM types: the machines run on the host's processor.
 */
const rows: readonly [number, string, keyof typeof lines, number, number, number, number, number][] = [
  [114, "cx23", "cx", 2, 4, 40, 5.49, 20],
  [115, "cx33", "cx", 4, 8, 80, 8.49, 20],
  [116, "cx43", "cx", 8, 16, 160, 14.49, 20],
  [117, "cx53", "cx", 16, 32, 320, 26.99, 20],
  [108, "cpx12", "cpx", 1, 2, 40, 11.49, 20],
  [109, "cpx22", "cpx", 2, 4, 80, 19.49, 20],
  [110, "cpx32", "cpx", 4, 8, 160, 33.99, 20],
  [111, "cpx42", "cpx", 8, 16, 320, 62.99, 20],
  [112, "cpx52", "cpx", 12, 24, 480, 88.99, 20],
  [113, "cpx62", "cpx", 16, 32, 640, 124.99, 20],
  [22, "cpx11", "cpxUs", 2, 2, 40, 15.49, 1],
  [23, "cpx21", "cpxUs", 3, 4, 80, 31.99, 2],
  [24, "cpx31", "cpxUs", 4, 8, 160, 56.99, 3],
  [25, "cpx41", "cpxUs", 8, 16, 240, 105.99, 4],
  [26, "cpx51", "cpxUs", 16, 32, 360, 208.99, 5],
  [96, "ccx13", "ccx", 2, 8, 80, 42.99, 20],
  [97, "ccx23", "ccx", 4, 16, 160, 84.49, 20],
  [98, "ccx33", "ccx", 8, 32, 240, 168.49, 30],
  [99, "ccx43", "ccx", 16, 64, 360, 336.49, 40],
  [100, "ccx53", "ccx", 32, 128, 600, 671.99, 50],
  [101, "ccx63", "ccx", 48, 192, 960, 1006.99, 60],
];

export interface LocationPrice {
  location: string;
  price_hourly: Price;
  price_monthly: Price;
  /** Bytes a month. */
  included_traffic: number;
  price_per_tb_traffic: Price;
}

/** A server type as `GET /server_types` gives it. */
export interface ServerType {
  id: number;
  name: string;
  description: string;
  category: string;
  cores: number;
  /** GB. */
  memory: number;
  /** GB. */
  disk: number;
  deprecated: boolean;
  deprecation: null;
  prices: LocationPrice[];
  storage_type: "local";
  cpu_type: "shared" | "dedicated";
  architecture: "x86";
  locations: { id: number; name: string; deprecation: null; available: boolean; recommended: boolean }[];
}

export const serverTypes: readonly ServerType[] = rows
  .map(([id, name, lineName, cores, memory, disk, euros, trafficTb]): ServerType => {
    const line: Line = lines[lineName];
    const sold = locations.filter((location) => location.name in line.sold);
    return {
      id,
      name,
      description: name.toUpperCase(),
      category: line.category,
      cores,
      memory,
      disk,
      deprecated: false,
      deprecation: null,
      prices: sold.map((location) => {
        const net = euros * (line.sold[location.name] ?? 1);
        const inEurope = location.network_zone === "eu-central";
        return {
          location: location.name,
          price_hourly: hourly(net),
          price_monthly: price(net),
          included_traffic: (inEurope || lineName === "cpxUs" ? trafficTb : 1) * tebibyte,
          price_per_tb_traffic: price(
            location.name === "sin" ? monthly.trafficPerTbSingapore : monthly.trafficPerTb,
          ),
        };
      }),
      storage_type: "local",
      cpu_type: line.cpuType,
      architecture: "x86",
      locations: sold.map(({ id, name }) => ({
        id,
        name,
        deprecation: null,
        available: true,
        recommended: true,
      })),
    };
  })
  .sort((a, b) => a.id - b.id);

/** Bytes a month that a server of this type may send from this place without extra cost. */
export function includedTraffic(type: ServerType, location: string): number {
  return type.prices.find((entry) => entry.location === location)?.included_traffic ?? 0;
}
