import ipaddr from "ipaddr.js";

/** IPv4 as numbers: all that is needed of networks and their addresses. */
export function toNumber(address: string): number {
  return ipaddr.IPv4.parse(address)
    .toByteArray()
    .reduce((sum, byte) => sum * 256 + byte, 0);
}

export function toAddress(number: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join(".");
}

export interface Range {
  /** The CIDR as it was given. */
  cidr: string;
  first: number;
  last: number;
  prefix: number;
}

/** An IPv4 CIDR whose address is the network's own; null when it is anything else. */
export function parseRange(cidr: string): Range | null {
  const match = /^(\d{1,3}(?:\.\d{1,3}){3})\/(\d{1,2})$/.exec(cidr);
  if (!match?.[1] || !ipaddr.IPv4.isValidFourPartDecimal(match[1])) return null;
  const prefix = Number(match[2]);
  const first = toNumber(match[1]);
  const size = 2 ** (32 - prefix);
  if (prefix > 32 || first % size !== 0) return null;
  return { cidr, first, last: first + size - 1, prefix };
}

export function contains(outer: Range, inner: Range): boolean {
  return outer.first <= inner.first && inner.last <= outer.last;
}

export function overlaps(a: Range, b: Range): boolean {
  return a.first <= b.last && b.first <= a.last;
}

export function includes(range: Range, address: string): boolean {
  const number = toNumber(address);
  return range.first <= number && number <= range.last;
}

export function isIpv4(text: string): boolean {
  return ipaddr.IPv4.isValidFourPartDecimal(text);
}

const privateRanges = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"].map(
  (cidr) => parseRange(cidr) as Range,
);

/** RFC 1918, which is all that a private network may be made of. */
export function isPrivate(range: Range): boolean {
  return privateRanges.some((outer) => contains(outer, range));
}

/** The first address that none has, or null. */
export function firstFree(first: number, last: number, taken: ReadonlySet<string>): string | null {
  for (let number = first; number <= last; number++) {
    const address = toAddress(number);
    if (!taken.has(address)) return address;
  }
  return null;
}

/** The /64 at this place in an IPv6 prefix of 64 bits or less, as "2001:2:0:103::/64"; null past its end. */
export function ipv6Subnet(prefix: string, index: number): string | null {
  const [address, bits] = ipaddr.IPv6.parseCIDR(prefix);
  if (index >= 2 ** (64 - bits)) return null;
  const parts = [...address.parts];
  parts[3] = (parts[3] ?? 0) + (index % 65536);
  parts[2] = (parts[2] ?? 0) + Math.floor(index / 65536);
  return `${new ipaddr.IPv6(parts).toRFC5952String()}/64`;
}

/** The machine's own address in its /64: "2001:2:0:103::1" for "2001:2:0:103::/64". */
export function ipv6Host(subnet: string): string {
  const address = ipaddr.IPv6.parse(subnet.split("/")[0] ?? "");
  const parts = [...address.parts];
  parts[7] = 1;
  return new ipaddr.IPv6(parts).toRFC5952String();
}

/** A CIDR of either family whose host bits are zero. */
export function isNetworkCidr(cidr: string): boolean {
  if (!ipaddr.isValidCIDR(cidr)) return false;
  const [address, bits] = ipaddr.parseCIDR(cidr);
  const bytes = address.toByteArray();
  return bytes.every((byte, index) => {
    const kept = Math.min(8, Math.max(0, bits - index * 8));
    return (byte & (0xff >> kept)) === 0;
  });
}

/** A MAC address of Hetzner's shape, the same for the same number. */
export function macAddress(prefix: "92:00" | "86:00", number: number): string {
  const hex = (number % 2 ** 32).toString(16).padStart(8, "0");
  return `${prefix}:${hex.slice(0, 2)}:${hex.slice(2, 4)}:${hex.slice(4, 6)}:${hex.slice(6, 8)}`;
}
