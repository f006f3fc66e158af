import ipaddr from "ipaddr.js";

/** The parts of ids that name two things, as `4711-10.0.1.0/24`; null where the text is no such id. */
export function parseRangeId(id: string): { network: number; range: string } | null {
  const [, network, range] = /^(\d+)-(.+)$/.exec(id) ?? [];
  if (network === undefined || range === undefined || !ipaddr.isValidCIDR(range)) return null;
  return { network: Number(network), range: networkOf(range) };
}

/** `<first>-<second>`, both numbers. */
export function parsePairId(id: string, expected: string): [number, number] {
  const [, first, second] = /^(\d+)-(\d+)$/.exec(id) ?? [];
  if (first === undefined || second === undefined)
    throw new Error(`Unexpected id "${id}", expected ${expected}.`);
  return [Number(first), Number(second)];
}

/** A subnet's id must be one, and says its network and its range. */
export function subnetOf(id: string): { network: number; range: string } {
  const parsed = parseRangeId(id);
  if (parsed === null) throw new Error(`Unexpected subnet id "${id}", expected <network>-<range>.`);
  return parsed;
}

/** The range without host bits: 10.0.1.5/24 is 10.0.1.0/24. */
export function networkOf(range: string): string {
  const [address, bits] = ipaddr.parseCIDR(range);
  const network =
    address.kind() === "ipv4"
      ? ipaddr.IPv4.networkAddressFromCIDR(range)
      : ipaddr.IPv6.networkAddressFromCIDR(range);
  return `${network.toString()}/${bits}`;
}
