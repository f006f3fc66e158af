/** What a firewall is applied to, as the API writes it. */
export interface FirewallTarget {
  type: string;
  server?: { id: number };
  label_selector?: { selector: string };
}

export function serverTarget(id: unknown): FirewallTarget {
  return { type: "server", server: { id: Number(id) } };
}

export function selectorTarget(selector: unknown): FirewallTarget {
  return { type: "label_selector", label_selector: { selector: String(selector) } };
}
