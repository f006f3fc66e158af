import fc from "fast-check";
import { expect, test } from "vitest";
import { firewall, type Opening } from "../../../roles/firewall.ts";

function rules(publicOpenings: Opening[], privateOpenings: Opening[] = []): string[] {
  const role = firewall({
    publicInterface: "eth0",
    privateInterface: "enp7s0",
    public: publicOpenings,
    private: privateOpenings,
  });
  return role.files[0]!.content.split("\n").filter(
    (line) => line.includes("iifname") && !line.includes('"lo"'),
  );
}

test("IPv4 and IPv6 peers get rules of their own, sorted and each once", () => {
  expect(
    rules([
      { name: "ssh", ports: [22], peers: ["203.0.113.9", "2001:db8::1", "198.51.100.0/24", "203.0.113.9"] },
    ]),
  ).toEqual([
    '    iifname "eth0" ip saddr { 198.51.100.0/24, 203.0.113.9 } tcp dport { 22 } accept comment "ssh"',
    '    iifname "eth0" ip6 saddr { 2001:db8::1 } tcp dport { 22 } accept comment "ssh"',
  ]);
});

test("everybody is everybody of that family, whoever else is named", () => {
  expect(rules([{ name: "database", ports: [6432], peers: ["0.0.0.0/0", "203.0.113.9"] }])).toEqual([
    '    iifname "eth0" meta nfproto ipv4 tcp dport { 6432 } accept comment "database"',
  ]);
});

test("an opening for nobody is none", () => {
  expect(rules([{ name: "ssh", ports: [22], peers: [] }])).toEqual([]);
});

test("private openings are bound to the private interface", () => {
  expect(rules([], [{ name: "etcd", ports: [2380, 2379], peers: ["10.0.1.21"] }])).toEqual([
    '    iifname "enp7s0" ip saddr { 10.0.1.21 } tcp dport { 2379, 2380 } accept comment "etcd"',
  ]);
});

test("what is no address is refused by name", () => {
  const peers = ["core-1", "10.0.1.0/24", "}; accept"];
  expect(() => rules([{ name: "ssh", ports: [22], peers }])).toThrow(
    `The firewall's opening "ssh" names no address or CIDR: core-1, }; accept`,
  );
});

test("every peer of every opening is let in and nothing else is", () => {
  const opening = fc.record({
    name: fc.constantFrom("a", "b"),
    ports: fc.uniqueArray(fc.integer({ min: 1, max: 65535 }), { minLength: 1, maxLength: 3 }),
    peers: fc.array(fc.ipV4(), { maxLength: 4 }),
  });
  fc.assert(
    fc.property(fc.array(opening, { maxLength: 4 }), (openings) => {
      const lines = rules(openings);
      expect(lines).toHaveLength(openings.filter((one) => one.peers.length > 0).length);
      const named = new Set(openings.flatMap((one) => one.peers));
      const letIn = new Set(lines.flatMap((line) => line.match(/saddr \{ ([^}]*) \}/)![1]!.split(", ")));
      expect(letIn).toEqual(named);
    }),
  );
});

test("the rule set replaces its own table only, and never flushes", () => {
  const text = firewall({ publicInterface: "eth0", privateInterface: "enp7s0", public: [], private: [] })
    .files[0]!.content;
  expect(text.split("\n").slice(0, 3)).toEqual([
    "table inet phasewise",
    "delete table inet phasewise",
    "table inet phasewise {",
  ]);
  expect(text).not.toContain("flush");
});
