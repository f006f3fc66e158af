import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ipv6Subnet, parseRange, toNumber } from "../../../../cloud/api/addresses.ts";
import {
  candidateSlots,
  hostAddress6,
  preferredSlot,
  publicRangeOf,
  slotCount,
  slotRange,
} from "../../../../cloud/networks/slots.ts";

const slot = fc.integer({ min: 0, max: slotCount - 1 });

describe("publicRangeOf", () => {
  it("gives each slot a /24 of 198.18.0.0/15 and a prefix of 2001:2::/48", () => {
    expect(publicRangeOf(0)).toEqual({
      ipv4: { first: "198.18.0.2", last: "198.18.0.254" },
      ipv6: "2001:2:0:40::/58",
      gateway: "198.18.0.1",
    });
    expect(publicRangeOf(511)).toEqual({
      ipv4: { first: "198.19.255.2", last: "198.19.255.254" },
      ipv6: "2001:2:0:ffc0::/58",
      gateway: "198.19.255.1",
    });
  });

  it("never gives the same address to two slots, nor the host's to a machine", () => {
    fc.assert(
      fc.property(slot, slot, (a, b) => {
        fc.pre(a !== b);
        expect(slotRange(a)).not.toBe(slotRange(b));
        expect(publicRangeOf(a).ipv6).not.toBe(publicRangeOf(b).ipv6);
        const subnets = Array.from({ length: 64 }, (_, index) => ipv6Subnet(publicRangeOf(a).ipv6, index));
        expect(subnets).not.toContain(null);
        for (const other of [a, b]) {
          expect(subnets).not.toContain(hostAddress6(other).replace("::1", "::/64"));
        }
      }),
    );
  });

  it("keeps the gateway out of what machines get", () => {
    fc.assert(
      fc.property(slot, (number) => {
        const { ipv4, gateway } = publicRangeOf(number);
        const range = parseRange(slotRange(number));
        expect(toNumber(gateway)).toBe((range?.first ?? 0) + 1);
        expect(toNumber(ipv4.first)).toBe(toNumber(gateway) + 1);
        expect(toNumber(ipv4.last)).toBe((range?.last ?? 0) - 1);
      }),
    );
  });
});

describe("candidateSlots", () => {
  it("tries every slot once, the folder's own first", () => {
    fc.assert(
      fc.property(fc.string(), (directory) => {
        const order = candidateSlots(directory, []);
        expect(order[0]).toBe(preferredSlot(directory));
        expect(new Set(order).size).toBe(slotCount);
      }),
    );
  });

  it("leaves out networks that the host routes elsewhere, however they are cut", () => {
    expect(candidateSlots("/a", ["198.18.0.0/16"]).every((number) => number >= 256)).toBe(true);
    expect(candidateSlots("/a", ["198.18.3.7/32"])).not.toContain(3);
    expect(candidateSlots("/a", ["10.0.0.0/8", "192.168.1.0/24", "0.0.0.0/0"])).toHaveLength(slotCount);
    expect(candidateSlots("/a", ["198.18.0.0/15"])).toEqual([]);
  });
});
