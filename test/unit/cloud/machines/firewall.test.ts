import { describe, expect, it } from "vitest";
import { type Guarded, ruleset } from "../../../../cloud/firewall/ruleset.ts";
import type { FirewallRule } from "../../../../cloud/hypervisor.ts";

const host = { gateway: "198.18.3.1", tcpPorts: [3143, 9000] };

function machine(rules: FirewallRule[] | null): Guarded {
  return { id: 5, ipv4: "198.18.3.2", ipv6: "2001:2:0:1c0::1", rules };
}

/** The lines of one chain. */
function chain(text: string, name: string): string[] {
  const body = new RegExp(`chain ${name} {\\n(.*?)\\n {2}}`, "s").exec(text)?.[1];
  if (body === undefined) throw new Error(`no chain ${name}`);
  return body.split("\n").map((line) => line.trim());
}

const ssh: FirewallRule = { direction: "in", protocol: "tcp", port: "22", peers: ["0.0.0.0/0", "::/0"] };

describe("ruleset", () => {
  it("lets everything in where no firewall is applied", () => {
    expect(chain(ruleset([machine(null)], host), "in-5")).toEqual(["accept"]);
  });

  it("lets nothing in where a firewall has no rule", () => {
    expect(chain(ruleset([machine([])], host), "in-5")).toEqual(["drop"]);
  });

  it("lets in what the rules name, from whom they name", () => {
    const rules: FirewallRule[] = [
      ssh,
      { direction: "in", protocol: "tcp", port: "80-85", peers: ["10.0.0.0/8", "10.1.0.0/16"] },
      { direction: "in", protocol: "udp", port: null, peers: ["192.0.2.1/32"] },
      { direction: "in", protocol: "icmp", port: null, peers: ["0.0.0.0/0", "2001:db8::/32"] },
      { direction: "in", protocol: "esp", port: null, peers: ["192.0.2.1/32"] },
    ];
    expect(chain(ruleset([machine(rules)], host), "in-5")).toEqual([
      "meta nfproto ipv4 tcp dport 22 accept",
      "meta nfproto ipv6 tcp dport 22 accept",
      "ip saddr 10.0.0.0/8 tcp dport 80-85 accept",
      "ip saddr 10.1.0.0/16 tcp dport 80-85 accept",
      "ip saddr 192.0.2.1/32 meta l4proto udp accept",
      "meta nfproto ipv4 meta l4proto icmp accept",
      "ip6 saddr 2001:db8::/32 meta l4proto icmpv6 accept",
      "ip saddr 192.0.2.1/32 meta l4proto esp accept",
      "drop",
    ]);
  });

  it("lets everything out until there is a rule about that", () => {
    expect(chain(ruleset([machine([ssh])], host), "out-5")).toEqual([
      "ip saddr != 198.18.3.2 drop",
      "ip6 saddr != 2001:2:0:1c0::/64 drop",
    ]);
    const out: FirewallRule = { direction: "out", protocol: "tcp", port: "443", peers: ["0.0.0.0/0"] };
    expect(chain(ruleset([machine([ssh, out])], host), "out-5")).toEqual([
      "ip saddr != 198.18.3.2 drop",
      "ip6 saddr != 2001:2:0:1c0::/64 drop",
      "meta nfproto ipv4 tcp dport 443 return",
      "drop",
    ]);
  });

  it("lets a machine without an address of a family say nothing in it", () => {
    const text = ruleset([{ id: 5, ipv4: "198.18.3.2", ipv6: null, rules: null }], host);
    expect(chain(text, "out-5")).toContain("meta nfproto ipv6 drop");
  });

  it("opens of the host only packages and object storage", () => {
    const text = ruleset([machine(null)], host);
    expect(chain(text, "to-host")[0]).toBe("ip daddr 198.18.3.1 tcp dport { 3143, 9000 } accept");
    expect(chain(text, "to-host").slice(-2)).toEqual([
      "meta l4proto tcp reject with tcp reset",
      "reject with icmpx type admin-prohibited",
    ]);
    expect(chain(text, "input").slice(1)).toEqual([
      "meta l4proto { icmp, icmpv6 } accept",
      "meta l4proto tcp reject with tcp reset",
      "reject with icmpx type admin-prohibited",
    ]);
  });

  it("asks each machine's chains by its cable, and drops the rest", () => {
    const forward = chain(ruleset([machine(null), { ...machine([]), id: 9 }], host), "forward");
    expect(forward).toEqual([
      "type filter hook forward priority filter; policy drop;",
      "ct state established,related accept",
      "ct state invalid drop",
      'iifname vmap { "s5" : jump out-5, "s9" : jump out-9 }',
      'oifname "host" jump to-host',
      'oifname vmap { "s5" : jump in-5, "s9" : jump in-9 }',
    ]);
  });

  it("is one replacement, also for a cloud without machines", () => {
    const text = ruleset([], host);
    expect(text.startsWith("table inet phasewise {}\ndelete table inet phasewise\n")).toBe(true);
    expect(text).not.toContain("vmap");
  });
});
