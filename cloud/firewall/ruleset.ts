import type { FirewallRule } from "../hypervisor.ts";
import { cable } from "../machines/names.ts";
import { networkOf, uplink } from "../networks/router.ts";

/** What the public router must know of a machine or a load balancer. */
export interface Guarded {
  id: number;
  ipv4: string | null;
  ipv6: string | null;
  /** null: everything passes. */
  rules: FirewallRule[] | null;
}

/** What machines may reach on the host. */
export interface HostServices {
  /** The host's address on the public network. */
  gateway: string;
  tcpPorts: number[];
}

export const table = "inet phasewise";

/**
 * The public router's whole set of rules, for `nft -f`: it replaces the one before in one go, and established
 * connections go on, as at Hetzner. Pure.
 */
export function ruleset(machines: Guarded[], host: HostServices): string {
  const jumps = (direction: "in" | "out") =>
    machines.map((machine) => `"${cable(machine.id)}" : jump ${chainName(direction, machine)}`).join(", ");
  const lines = [
    `table ${table} {`,
    ...machines.flatMap((machine) => [...incoming(machine), ...outgoing(machine)]),
    ...toHost(host),
    "  chain forward {",
    "    type filter hook forward priority filter; policy drop;",
    "    ct state established,related accept",
    "    ct state invalid drop",
    // Each direction's chain returns where it has nothing against a packet.
    ...(machines.length > 0 ? [`    iifname vmap { ${jumps("out")} }`] : []),
    `    oifname "${uplink}" jump to-host`,
    ...(machines.length > 0 ? [`    oifname vmap { ${jumps("in")} }`] : []),
    "  }",
    "  chain input {",
    "    type filter hook input priority filter; policy drop;",
    "    meta l4proto { icmp, icmpv6 } accept",
    ...refuse.map((line) => `    ${line}`),
    "  }",
    "}",
  ];
  return `table ${table} {}\ndelete table ${table}\n${lines.join("\n")}\n`;
}

function chainName(direction: "in" | "out", { id }: Guarded): string {
  return `${direction}-${id}`;
}

function incoming(machine: Guarded): string[] {
  const rules = (machine.rules ?? []).filter(({ direction }) => direction === "in");
  const body =
    machine.rules === null ? ["accept"] : rules.flatMap((rule) => matches(rule, "saddr")).map(accept);
  return chain(chainName("in", machine), machine.rules === null ? body : [...body, "drop"]);
}

// Hetzner lets everything out until there is a rule about outgoing traffic.
function outgoing(machine: Guarded): string[] {
  const rules = (machine.rules ?? []).filter(({ direction }) => direction === "out");
  const own = [
    machine.ipv4 ? `ip saddr != ${machine.ipv4} drop` : "meta nfproto ipv4 drop",
    machine.ipv6 ? `ip6 saddr != ${networkOf(machine.ipv6)} drop` : "meta nfproto ipv6 drop",
  ];
  const allowed = rules.flatMap((rule) => matches(rule, "daddr")).map((match) => `${match} return`);
  return chain(chainName("out", machine), [...own, ...allowed, ...(rules.length > 0 ? ["drop"] : [])]);
}

// At once, so that nothing inside waits for an Internet that is not there.
const refuse = ["meta l4proto tcp reject with tcp reset", "reject with icmpx type admin-prohibited"];

function toHost({ gateway, tcpPorts }: HostServices): string[] {
  return chain("to-host", [
    `ip daddr ${gateway} tcp dport { ${tcpPorts.join(", ")} } accept`,
    `ip daddr ${gateway} icmp type echo-request accept`,
    "icmpv6 type echo-request accept",
    ...refuse,
  ]);
}

function chain(name: string, body: string[]): string[] {
  return [`  chain ${name} {`, ...body.map((line) => `    ${line}`), "  }"];
}

function accept(match: string): string {
  return `${match} accept`;
}

/** The rule's matches, one for each peer: a set would refuse peers that overlap. */
function matches(rule: FirewallRule, side: "saddr" | "daddr"): string[] {
  return [...new Set(rule.peers)].map((peer) => {
    const keyword = peer.includes(":") ? "ip6" : "ip";
    const family = keyword === "ip" ? "ipv4" : "ipv6";
    const address = peer.endsWith("/0") ? `meta nfproto ${family}` : `${keyword} ${side} ${peer}`;
    return `${address} ${service(rule, keyword)}`;
  });
}

function service({ protocol, port }: FirewallRule, keyword: "ip" | "ip6"): string {
  if (protocol === "icmp") return `meta l4proto ${keyword === "ip" ? "icmp" : "icmpv6"}`;
  if (protocol === "esp" || protocol === "gre") return `meta l4proto ${protocol}`;
  return port === null || port === "any" ? `meta l4proto ${protocol}` : `${protocol} dport ${port}`;
}
