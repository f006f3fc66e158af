import { loadBalancerTypes } from "../catalogue/loadBalancerTypes.ts";
import type { BalancedService, LoadBalancerSpec } from "../hypervisor.ts";
import { ipv6Host } from "./addresses.ts";
import type { CloudStore } from "./engine.ts";
import { labelMatcher } from "./labels.ts";
import type { LoadBalancer, PrimaryIp, Server, Service, Target } from "./model.ts";

/** What follows from the store for load balancers; pure. */

/** The primary IPs of a load balancer, which always has both. */
export function publicAddresses(store: CloudStore, { id }: Pick<LoadBalancer, "id">) {
  const find = (family: PrimaryIp["type"]) => {
    const found = store.all("primary_ip").find(({ assignee, type }) => assignee === id && type === family);
    if (!found) throw new Error(`load balancer ${id} has no ${family}`);
    return found;
  };
  return { ipv4: find("ipv4"), ipv6: find("ipv6") };
}

/** The servers that a target means now. */
export function serversOf(servers: readonly Server[], target: Target): Server[] {
  if (target.type === "ip") return [];
  if (target.type === "server") return servers.filter(({ id }) => id === target.server);
  const matches = labelMatcher(target.selector);
  return servers.filter(({ labels }) => matches(labels));
}

/** Where a server is reached as a target; null where it has no such address. */
export function addressOf(
  store: CloudStore,
  balancer: Pick<LoadBalancer, "privateNet">,
  server: Server,
  usePrivateIp: boolean,
): string | null {
  if (usePrivateIp) {
    const { network } = balancer.privateNet ?? {};
    return server.privateNet.find((net) => net.network === network)?.ip ?? null;
  }
  const address = store
    .all("primary_ip")
    .find(({ assignee, type }) => assignee === server.id && type === "ipv4");
  return address?.ip ?? null;
}

function addresses(store: CloudStore, balancer: LoadBalancer): string[] {
  const all = balancer.targets.flatMap((target) => {
    if (target.type === "ip") return [target.ip];
    return serversOf(store.all("server"), target).map((server) =>
      addressOf(store, balancer, server, target.usePrivateIp),
    );
  });
  return [...new Set(all.filter((address) => address !== null))];
}

/** Chain and key in one, as HAProxy reads them. */
function pem(store: CloudStore, id: number): string[] {
  const certificate = store.get("certificate", id);
  return certificate ? [`${certificate.chain.trim()}\n${certificate.privateKey.trim()}\n`] : [];
}

function serviceSpec(
  store: CloudStore,
  { protocol, listenPort, destinationPort, proxyProtocol, http, healthCheck }: Service,
) {
  const check = healthCheck.http;
  return {
    protocol,
    listenPort,
    destinationPort,
    proxyProtocol,
    http: http && {
      sticky: http.stickySessions
        ? { cookieName: http.cookieName, lifetimeSeconds: http.cookieLifetime }
        : null,
      idleSeconds: http.timeoutIdle,
      certificates: http.certificates.flatMap((id) => pem(store, id)),
      redirectHttp: http.redirectHttp,
    },
    healthCheck: {
      port: healthCheck.port,
      intervalSeconds: healthCheck.interval,
      timeoutSeconds: healthCheck.timeout,
      retries: healthCheck.retries,
      http: check && {
        domain: check.domain === "" ? null : check.domain,
        path: check.path,
        response: check.response,
        statusCodes: [...check.statusCodes],
        tls: check.tls,
      },
    },
  } satisfies BalancedService;
}

/** A load balancer as the store says that it should be. */
export function loadBalancerSpec(store: CloudStore, balancer: LoadBalancer): LoadBalancerSpec {
  const type = loadBalancerTypes.find(({ name }) => name === balancer.type);
  if (!type) throw new Error(`load balancer ${balancer.id} has the unknown type ${balancer.type}`);
  const { privateNet, publicInterface } = balancer;
  const { ipv4, ipv6 } = publicAddresses(store, balancer);
  return {
    id: balancer.id,
    name: balancer.name,
    ipv4: publicInterface ? ipv4.ip : null,
    ipv6: publicInterface ? ipv6Host(ipv6.ip) : null,
    macAddress: balancer.macAddress,
    network: privateNet && {
      networkId: privateNet.network,
      ip: privateNet.ip,
      aliasIps: [],
      macAddress: privateNet.macAddress,
    },
    maxConnections: type.max_connections,
    algorithm: balancer.algorithm,
    services: balancer.services.map((service) => serviceSpec(store, service)),
    targets: addresses(store, balancer),
  };
}
