/**
 * What Hetzner asked for on a day: for when nobody can be asked, and for the embedded cloud, which bills nothing.
 * The live truth is `GET /pricing`; object storage is in no API at all.
 *
 * All amounts are EUR a month without VAT, as decimal strings, as the API writes them.
 */
export interface StoredPrice {
  net: string;
  /** The day (ISO) on which Hetzner was known to ask this; null: nobody has read it from Hetzner, it is near it. */
  confirmed: string | null;
}

/** A price by place (Hetzner's network zones); a zone where the thing is not sold is missing. */
type Zone = "eu-central" | "us-east" | "us-west" | "ap-southeast";

const zoneOf: Record<string, Zone> = {
  fsn1: "eu-central",
  nbg1: "eu-central",
  hel1: "eu-central",
  ash: "us-east",
  hil: "us-west",
  sin: "ap-southeast",
};

/** Hetzner's last change of prices. */
const changeOfPrices = "2026-06-15";

/**
 * Name, price in Europe, in the United States, in Singapore, and the day on which the first price of the row was
 * confirmed. What is not confirmed is scaled by the ratios of the list before. ARM types are missing: nothing is
 * known of what they cost since the change.
 */
const serverRows: [
  name: string,
  europe: string | null,
  us: string | null,
  sin: string | null,
  day: string | null,
][] = [
  ["cx23", "5.49", null, null, changeOfPrices],
  ["cx33", "8.49", null, null, null],
  ["cx43", "14.49", null, null, null],
  ["cx53", "26.99", null, null, null],
  ["cpx12", "11.49", null, "18.49", "2026-07-22"],
  ["cpx22", "19.49", null, "31.49", changeOfPrices],
  ["cpx32", "33.99", null, "54.49", null],
  ["cpx42", "62.99", null, "100.99", null],
  ["cpx52", "88.99", null, "142.49", null],
  ["cpx62", "124.99", null, "199.99", null],
  ["cpx11", null, "15.49", null, null],
  ["cpx21", null, "31.99", null, changeOfPrices],
  ["cpx31", null, "56.99", null, null],
  ["cpx41", null, "105.99", null, null],
  ["cpx51", null, "208.99", null, null],
  ["ccx13", "42.99", "46.49", "72.99", changeOfPrices],
  ["ccx23", "85.99", "92.99", "145.99", "2026-10-28"],
  ["ccx33", "138.49", "149.49", "235.49", "2026-10-28"],
  ["ccx43", "275.49", "297.49", "468.49", null],
  ["ccx53", "549.49", "593.49", "934.49", null],
  ["ccx63", "823.99", "889.99", "1400.99", null],
];

type ByLocation = Record<string, StoredPrice>;

/** @param day When the first price of the row was confirmed; its others never were. */
function byLocation(zones: Record<Zone, string | null>, day: string | null): ByLocation {
  const first = Object.values(zones).find((net) => net !== null);
  const entries = Object.entries(zoneOf).flatMap(([location, zone]) => {
    const net = zones[zone];
    return net === null ? [] : [[location, { net, confirmed: net === first ? day : null }] as const];
  });
  return Object.fromEntries(entries);
}

const everywhere = (net: string, day: string | null): ByLocation =>
  byLocation({ "eu-central": net, "us-east": net, "us-west": net, "ap-southeast": net }, day);

const servers: Record<string, ByLocation> = Object.fromEntries(
  serverRows.map(([name, europe, us, sin, day]) => [
    name,
    byLocation({ "eu-central": europe, "us-east": us, "us-west": us, "ap-southeast": sin }, day),
  ]),
);

export const storedPrices = {
  /** The day of the list: prices before it are of no use any more. */
  asOf: changeOfPrices,
  currency: "EUR",
  /** By type, then by location. */
  servers,
  loadBalancers: {
    lb11: everywhere("7.49", null),
    lb21: everywhere("22.49", null),
    lb31: everywhere("43.49", null),
  } as Record<string, ByLocation>,
  primaryIpv4: everywhere("0.50", changeOfPrices),
  /** A GB. */
  volumeGb: { net: "0.0572", confirmed: null } as StoredPrice,
  /** Object Storage with 1 TB stored and 1 TB sent, once for all buckets; more of either is billed on top. */
  objectStorage: { net: "6.49", confirmed: null } as StoredPrice,
} as const;
