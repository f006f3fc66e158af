import type { CheckFailure, Properties } from "../server/resource.ts";
import { unwrapProperties } from "../server/values.ts";
import { type ApiSettings, http } from "./api/client.ts";

const ENDPOINT = "https://api.hetzner.cloud/v1";
const TOKEN_LENGTH = 64;
/** As in the official provider: waits between polls grow from this, doubled each time, up to a minute. */
const POLL_INTERVAL = "500ms";
const LONGEST_POLL = 60_000;
const UNITS: Record<string, number> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** What is wrong with the package's configuration (`hcloud:token` and so on). */
export function configFailures(config: Properties, env: NodeJS.ProcessEnv): CheckFailure[] {
  const { token, pollInterval, pollFunction } = read(config, env);
  const failures: CheckFailure[] = [];
  if (token !== null && token.length !== TOKEN_LENGTH) {
    const reason = `entered token is invalid (must be exactly ${TOKEN_LENGTH} characters long, but has ${token.length})`;
    failures.push({ property: "token", reason });
  }
  if (milliseconds(pollInterval) === null) {
    failures.push({
      property: "pollInterval",
      reason: `"${pollInterval}" is no duration, as 500ms or 1.5s.`,
    });
  }
  if (!["constant", "exponential"].includes(pollFunction)) {
    const reason = `pollFunction must be constant or exponential, but is "${pollFunction}".`;
    failures.push({ property: "pollFunction", reason });
  }
  return failures;
}

/** The client's settings, from a configuration without failures. */
export function apiSettings(config: Properties, env: NodeJS.ProcessEnv): ApiSettings {
  const { token, endpoint, pollInterval, pollFunction } = read(config, env);
  const interval = milliseconds(pollInterval) ?? 0;
  const pollDelay = (retries: number) =>
    pollFunction === "constant" ? interval : Math.min(interval * 2 ** retries, LONGEST_POLL);
  return { token, endpoint: endpoint.replace(/\/+$/, ""), pollDelay, transport: http };
}

/** A duration as Go writes it (`1m30s`), in milliseconds; null where it is none. */
export function milliseconds(duration: string): number | null {
  if (!/^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/.test(duration)) return null;
  const parts = duration.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g);
  return [...parts].reduce((sum, [, amount, unit]) => sum + Number(amount) * (UNITS[unit ?? ""] ?? 0), 0);
}

function read(config: Properties, env: NodeJS.ProcessEnv) {
  const plain = unwrapProperties(config);
  const text = (name: string, variable?: string): string | null => {
    const value = plain[name];
    if (typeof value === "string" && value !== "") return value;
    return (variable === undefined ? null : env[variable]) || null;
  };
  return {
    token: text("token", "HCLOUD_TOKEN"),
    endpoint: text("endpoint", "HCLOUD_ENDPOINT") ?? ENDPOINT,
    pollInterval: text("pollInterval") ?? POLL_INTERVAL,
    pollFunction: text("pollFunction") ?? "exponential",
  };
}
