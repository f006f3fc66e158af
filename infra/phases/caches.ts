import type { Cache } from "../blueprint.ts";
import type { Config } from "../config.ts";

/**
 * The stack's cache, where its file asks for one.
 * @param on Names of nodes: the first is the primary at first, the others are its replicas.
 */
export function cachesOf({ redis }: Config, on: string[]): Cache[] {
  if (!redis.enabled) return [];
  const { memoryMb, evictionPolicy } = redis;
  return [{ name: "cache", on, memoryMb, evictionPolicy }];
}
