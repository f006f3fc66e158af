import type { FirewallRule } from "../hypervisor.ts";
import { labelMatcher } from "./labels.ts";
import type { Firewall, Server } from "./model.ts";

type Target = Pick<Server, "id" | "labels">;

/** Whether a firewall holds for a server, and why: by itself, or because its labels match. */
export function appliedBy(firewall: Firewall, server: Target): "server" | "label_selector" | null {
  let found: "label_selector" | null = null;
  for (const target of firewall.appliedTo) {
    if (target.type === "server") {
      if (target.server === server.id) return "server";
    } else if (labelMatcher(target.selector)(server.labels)) found = "label_selector";
  }
  return found;
}

export function firewallsFor(firewalls: readonly Firewall[], server: Target): Firewall[] {
  return firewalls.filter((firewall) => appliedBy(firewall, server) !== null);
}

/** What holds on a server's public interface: the rules of all its firewalls together; null when it has none. */
export function effectiveRules(firewalls: readonly Firewall[], server: Target): FirewallRule[] | null {
  const holding = firewallsFor(firewalls, server);
  if (holding.length === 0) return null;
  return holding.flatMap((firewall) =>
    firewall.rules.map((rule) => ({
      direction: rule.direction,
      protocol: rule.protocol,
      port: rule.port === "any" ? null : rule.port,
      peers: [...(rule.direction === "in" ? rule.sourceIps : rule.destinationIps)],
    })),
  );
}
