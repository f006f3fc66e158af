import { file, lines, reload, role, running } from "./build.ts";
import type { RoleManifest } from "./manifest.ts";
import { unitFile } from "./unit.ts";

/** Some TCP ports that some peers may reach. */
export interface Opening {
  /** What it is for, as "etcd": a comment in the rule set. */
  name: string;
  ports: number[];
  /** Addresses or CIDRs, IPv4 and IPv6 mixed. Nobody: the opening is left out. */
  peers: string[];
}

export interface FirewallSettings {
  /** Interface of the public address. */
  publicInterface: string;
  /** Interface of the private network; Hetzner filters nothing there. */
  privateInterface: string;
  public: Opening[];
  private: Opening[];
}

const RULES = "/etc/phasewise/firewall.nft";
const UNIT = "phasewise-firewall.service";
const IPV4 = /^\d{1,3}(\.\d{1,3}){3}(\/\d{1,2})?$/;
const IPV6 = /^[0-9a-fA-F:]*:[0-9a-fA-F:]*(\/\d{1,3})?$/;

/**
 * The machine's own firewall: what is not opened is closed, on the private network too.
 *
 * The rule set replaces its own table in one transaction and leaves every other table alone. Loading it again
 * changes nothing, and established connections stay. Throws where a peer is no address.
 */
export function firewall(settings: FirewallSettings): RoleManifest {
  return role("firewall", {
    packages: ["nftables"],
    files: [
      file(RULES, ruleset(settings), { mode: "0600", onChange: reload(UNIT) }),
      file(`/etc/systemd/system/${UNIT}`, UNIT_TEXT, { onChange: reload(UNIT) }),
    ],
    units: [running(UNIT, { stateful: true })],
  });
}

/** No ExecStop: a machine that shuts down, or whose unit is stopped, is never open. */
const UNIT_TEXT = unitFile({
  Unit: {
    Description: "Firewall of this machine",
    DefaultDependencies: "no",
    Wants: "network-pre.target",
    Before: "network-pre.target shutdown.target",
    Conflicts: "shutdown.target",
    After: "local-fs.target",
  },
  Service: {
    Type: "oneshot",
    RemainAfterExit: "yes",
    ExecStart: `/usr/sbin/nft -f ${RULES}`,
    ExecReload: `/usr/sbin/nft -f ${RULES}`,
  },
  Install: { WantedBy: "sysinit.target" },
});

/** The table's text. Naming the table first lets `delete` succeed where there is none yet. */
function ruleset(settings: FirewallSettings): string {
  return lines(
    "table inet phasewise",
    "delete table inet phasewise",
    "table inet phasewise {",
    "  chain input {",
    "    type filter hook input priority filter; policy drop;",
    "    ct state established,related accept",
    "    ct state invalid drop",
    '    iifname "lo" accept',
    "    icmp type { echo-request, destination-unreachable, time-exceeded, parameter-problem } accept",
    "    meta l4proto ipv6-icmp accept",
    "    udp sport 67 udp dport 68 accept",
    "    udp dport 546 ip6 saddr fe80::/10 accept",
    ...settings.public.flatMap((opening) => rules(settings.publicInterface, opening)),
    ...settings.private.flatMap((opening) => rules(settings.privateInterface, opening)),
    "    counter",
    "  }",
    "  chain forward {",
    "    type filter hook forward priority filter; policy drop;",
    "  }",
    "  chain output {",
    "    type filter hook output priority filter; policy accept;",
    "    # The metadata service hands out the first boot's keys: root's business only.",
    "    ip daddr 169.254.169.254 meta skuid != 0 reject",
    "  }",
    "}",
  );
}

function rules(networkInterface: string, opening: Opening): string[] {
  const wrong = opening.peers.filter((peer) => !IPV4.test(peer) && !IPV6.test(peer));
  if (wrong.length > 0) {
    throw new Error(`The firewall's opening "${opening.name}" names no address or CIDR: ${wrong.join(", ")}`);
  }
  const ports = `tcp dport { ${[...opening.ports].sort((a, b) => a - b).join(", ")} }`;
  return (["ip", "ip6"] as const).flatMap((family) => {
    const pattern = family === "ip" ? IPV4 : IPV6;
    const peers = [...new Set(opening.peers.filter((peer) => pattern.test(peer)))].sort();
    if (peers.length === 0) return [];
    const from = peers.some((peer) => peer.endsWith("/0"))
      ? `meta nfproto ${family === "ip" ? "ipv4" : "ipv6"}`
      : `${family} saddr { ${peers.join(", ")} }`;
    return [`    iifname "${networkInterface}" ${from} ${ports} accept comment "${opening.name}"`];
  });
}
