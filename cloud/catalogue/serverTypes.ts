import { storedPrices } from "../../clients/hetzner/storedPrices.ts";
import { locations } from "./locations.ts";
import { hourly, monthly, type Price, price, tebibyte } from "./prices.ts";

/** What a line of servers has in common. */
interface Line {
  cpuType: "shared" | "dedicated";
  category: string;
}

const lines = {
  cx: { cpuType: "shared", category: "cost_optimized" },
  cpx: { cpuType: "shared", category: "regular_purpose" },
  cpxUs: { cpuType: "shared", category: "regular_purpose" },
  ccx: { cpuType: "dedicated", category: "general_purpose" },
} satisfies Record<string, Line>;

/**
 * id, name, line, cores, memory (GB), disk (GB), included traffic (TB) in Europe; Hetzner's own. Where a type is sold,
 * and for how much, is in the stored price list. No ARM types: the machines run on the host's processor.
 */
const rows: readonly [number, string, keyof typeof lines, number, number, number, number][] = [
  [114, "cx23", "cx", 2, 4, 40, 20],
  [115, "cx33", "cx", 4, 8, 80, 20],
  [116, "cx43", "cx", 8, 16, 160, 20],
  [117, "cx53", "cx", 16, 32, 320, 20],
  [108, "cpx12", "cpx", 1, 2, 40, 20],
  [109, "cpx22", "cpx", 2, 4, 80, 20],
  [110, "cpx32", "cpx", 4, 8, 160, 20],
  [111, "cpx42", "cpx", 8, 16, 320, 20],
  [112, "cpx52", "cpx", 12, 24, 480, 20],
  [113, "cpx62", "cpx", 16, 32, 640, 20],
  [22, "cpx11", "cpxUs", 2, 2, 40, 1],
  [23, "cpx21", "cpxUs", 3, 4, 80, 2],
  [24, "cpx31", "cpxUs", 4, 8, 160, 3],
  [25, "cpx41", "cpxUs", 8, 16, 240, 4],
  [26, "cpx51", "cpxUs", 16, 32, 360, 5],
  [96, "ccx13", "ccx", 2, 8, 80, 20],
  [97, "ccx23", "ccx", 4, 16, 160, 20],
  [98, "ccx33", "ccx", 8, 32, 240, 30],
  [99, "ccx43", "ccx", 16, 64, 360, 40],
  [100, "ccx53", "ccx", 32, 128, 600, 50],
  [101, "ccx63", "ccx", 48, 192, 960, 60],
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
  .map(([id, name, lineName, cores, memory, disk, trafficTb]): ServerType => {
    const line: Line = lines[lineName];
    const asked = storedPrices.servers[name]!;
    const sold = locations.filter((location) => location.name in asked);
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
        const net = Number(asked[location.name]!.net);
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
