import type { Balancer, Blueprint } from "../blueprint.ts";
import type { Config } from "../config.ts";
import { cachesOf } from "./caches.ts";
import { dataLayer, names, node } from "./parts.ts";

const poolers = [6432, 6433];
const cache = 6379;
const application = 4000;

/**
 * Standbys for reads beside the primary and its successor, two gateways, and application servers, each kind behind
 * one address. The three votes stay where they were: what is added needs none, and one node may still be lost. A
 * cache is on both gateways; the third who agrees on its primary is on the first database's node.
 */
export function replicated(config: Config): Blueprint {
  const cores = [node("core", 1, config), node("core", 2, config)];
  const databases = numbers(2 + config.database.replicas).map((number) => node("db", number, config));
  const apps = numbers(config.applications.count).map((number) => node("app", number, config));
  const base = dataLayer(
    {
      phase: 3,
      nodes: [...cores, ...databases, ...apps],
      voters: names([...cores.slice(0, 1), ...databases.slice(0, 2)]),
      members: names(databases),
      gateways: names(cores),
    },
    config,
  );
  return {
    ...base,
    caches: cachesOf(config, {
      on: names(cores),
      gateways: names(cores),
      sentinels: names([...cores, ...databases.slice(0, 1)]),
    }),
    balancers: [gateways(names(cores), config), applications(names(apps))],
    applications: base.clusters.map(({ name }) => ({
      name: "app",
      on: names(apps),
      cluster: name,
      port: application,
    })),
  };
}

/**
 * A pooler that answers is one that serves: it holds its clients while there is no primary. The cache's port answers as
 * long as its gateway is there.
 */
function gateways(to: string[], { loadBalancer, redis }: Config): Balancer {
  return {
    name: "gateways",
    to,
    beside: "core",
    public: loadBalancer.public,
    services: [...poolers, ...(redis.enabled ? [cache] : [])].map((port) => ({
      protocol: "tcp",
      port,
      targetPort: port,
      check: { port, path: null, intervalSeconds: 3, timeoutSeconds: 2, retries: 2 },
    })),
  };
}

function applications(to: string[]): Balancer {
  return {
    name: "apps",
    to,
    beside: "app",
    public: true,
    services: [
      {
        protocol: "http",
        port: 80,
        targetPort: application,
        check: { port: application, path: "/health", intervalSeconds: 10, timeoutSeconds: 5, retries: 2 },
      },
    ],
  };
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}
