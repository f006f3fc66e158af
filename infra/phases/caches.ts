import type { Cache } from "../blueprint.ts";
import type { Config } from "../config.ts";

/** Names of nodes. */
export interface CachePlaces {
  /** The first is the primary at first, the others are its replicas. */
  on: string[];
  gateways: string[];
  /** Who agrees on the primary: an odd number, so that one may be lost; nobody where it is on one node only. */
  sentinels: string[];
}

/** The stack's cache, where its file asks for one. */
export function cachesOf({ redis }: Config, places: CachePlaces): Cache[] {
  if (!redis.enabled) return [];
  const { memoryMb, evictionPolicy } = redis;
  return [{ name: "cache", ...places, memoryMb, evictionPolicy }];
}
