/**
 * A machine's ports closed to new connections while those that are open go on: so a load balancer's checks fail, and
 * it sends nobody any more. It is a table of its own in the kernel, gone after a boot, or after a while by itself.
 */
const TABLE = "inet phasewise_drain";
const LIFT = "phasewise-drain-end";

/** @param withinSeconds When they are opened again, should nobody come back to do it. */
export function closePorts(ports: number[], withinSeconds: number): string {
  return [
    `nft -f - <<'END'`,
    `table ${TABLE} {}`,
    `delete table ${TABLE}`,
    `table ${TABLE} {`,
    "  chain input {",
    "    type filter hook input priority -10;",
    `    iifname != "lo" tcp dport { ${ports.join(", ")} } ct state new reject with tcp reset`,
    "  }",
    "}",
    "END",
    `systemctl stop ${LIFT}.timer 2>/dev/null || true`,
    `systemd-run --quiet --collect --unit=${LIFT} --on-active=${withinSeconds} nft delete table ${TABLE}`,
  ].join("\n");
}

export const OPEN_PORTS = [
  `systemctl stop ${LIFT}.timer 2>/dev/null || true`,
  `nft delete table ${TABLE} 2>/dev/null || true`,
].join("\n");

/** Prints how many connections there are from elsewhere. */
export function countConnections(ports: number[]): string {
  const any = ports.map((port) => `sport = :${port}`).join(" or ");
  return `ss -Htn state established '( ${any} )' | awk '$4 !~ /^127\\./ && $4 !~ /^\\[::1\\]/' | wc -l`;
}
