import type { Plan } from "../plan.ts";

/** One thing that Hetzner bills for. */
export type Item =
  | { kind: "server" | "load-balancer"; name: string; type: string; location: string }
  | { kind: "primary-ipv4"; name: string; location: string }
  | { kind: "volume"; name: string; sizeGb: number; location: string }
  /** All buckets together: the base price is asked once. */
  | { kind: "object-storage"; name: string; endpoints: string[] };

export type ItemKind = Item["kind"];

/** What a plan would be billed for. Traffic within what is included is free, networks and firewalls are. */
export function itemsOf({ machines, loadBalancers, buckets, location }: Plan): Item[] {
  return [
    ...machines.map(({ name, serverType }): Item => ({ kind: "server", name, type: serverType, location })),
    ...machines.map(({ name }): Item => ({ kind: "primary-ipv4", name, location })),
    ...machines.flatMap((machine) =>
      machine.volumes.map(
        ({ name, sizeGb }): Item => ({ kind: "volume", name: `${machine.name}-${name}`, sizeGb, location }),
      ),
    ),
    ...loadBalancers.map(({ name, type }): Item => ({ kind: "load-balancer", name, type, location })),
    ...storage(buckets.map(({ endpoint }) => endpoint)),
  ];
}

/** @param endpoints Of all buckets. */
export function storage(endpoints: string[]): Item[] {
  if (endpoints.length === 0) return [];
  return [{ kind: "object-storage", name: "buckets", endpoints: [...new Set(endpoints)] }];
}

/** Whether an endpoint is of Hetzner's Object Storage; another one is billed by somebody else. */
export function isHetznerStorage(endpoint: string): boolean {
  return new URL(endpoint).hostname.endsWith(".your-objectstorage.com");
}
