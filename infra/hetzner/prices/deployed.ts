import { type Item, storage } from "./items.ts";

/** What of a resource in a stack's state says what it costs. */
export interface RecordedResource {
  urn: string;
  type: string;
  inputs?: Record<string, unknown>;
  outputs?: Record<string, unknown>;
}

/**
 * What a deployed stack is billed for, as its state knows it: a refresh brings in what was changed behind it.
 *
 * @param prefix What all logical names begin with, as "phasewise".
 */
export function itemsIn(resources: RecordedResource[], prefix: string): Item[] {
  const items = resources.flatMap((resource) => itemOf(resource, prefix) ?? []);
  return [...items, ...storage(resources.flatMap(bucketEndpoint))];
}

function itemOf({ urn, type, inputs, outputs }: RecordedResource, prefix: string): Item | null {
  const known = { ...inputs, ...outputs };
  const text = (key: string) => String(known[key]);
  const name = (urn.split("::").at(-1) ?? urn).replace(new RegExp(`^${prefix}-`), "");
  const location = text("location");
  switch (type) {
    case "hcloud:index/server:Server":
      return { kind: "server", name, type: text("serverType"), location };
    case "hcloud:index/loadBalancer:LoadBalancer":
      return { kind: "load-balancer", name, type: text("loadBalancerType"), location };
    case "hcloud:index/volume:Volume":
      return { kind: "volume", name, sizeGb: Number(known.size), location };
    case "hcloud:index/primaryIp:PrimaryIp":
      return known.type === "ipv4" ? { kind: "primary-ipv4", name, location } : null;
    default:
      return null;
  }
}

function bucketEndpoint({ type, inputs }: RecordedResource): string[] {
  const endpoint = type === "phasewise-native:index:Bucket" ? inputs?.endpoint : undefined;
  return typeof endpoint === "string" ? [endpoint] : [];
}
