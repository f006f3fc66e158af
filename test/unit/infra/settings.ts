import { type Config, fromStackFile, parseConfig, requireConfig } from "../../../infra/config.ts";

/** An encrypted value as it stands in a stack's file. */
export const secure = { secure: "v1:abcd:efgh" };

/** The smallest settings that are right for Hetzner. */
export function production(): Record<string, unknown> {
  return {
    "phasewise:phase": 1,
    "phasewise:environment": "production",
    "phasewise:access": { operators: ["203.0.113.7/32"], database: ["203.0.113.16/28"] },
    "phasewise:objectStorage": { bucket: "acme-production-backups", accessKey: secure, secretKey: secure },
  };
}

export function embedded(): Record<string, unknown> {
  return {
    "phasewise:phase": 1,
    "phasewise:environment": "dev",
    "phasewise:cloud": "embedded",
    "phasewise:deletionProtection": false,
    "phasewise:volume": { sizeGb: 10 },
    "phasewise:objectStorage": {
      endpoint: "https://198.18.0.1:9000",
      region: "local",
      accessKey: secure,
      secretKey: secure,
    },
  };
}

/** `change` replaces settings; undefined takes one out. */
export function changed(
  base: Record<string, unknown>,
  change: Record<string, unknown>,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries({ ...base, ...change }).filter(([, value]) => value !== undefined),
  );
}

/** Faults of production's settings with a change, one text each: path, found, allowed, fix. */
export function faults(change: Record<string, unknown>, base = production(), stack = "production"): string[] {
  const parsed = parseConfig(fromStackFile("stacks/Pulumi.production.yaml", changed(base, change)), stack);
  if (parsed.ok) return [];
  return parsed.faults.map(({ path, found, allowed, fix }) => `${path}: ${found} | ${allowed} | ${fix}`);
}

export function config(
  change: Record<string, unknown> = {},
  base = production(),
  stack = "production",
): Config {
  return requireConfig(fromStackFile("stacks/Pulumi.production.yaml", changed(base, change)), stack);
}
