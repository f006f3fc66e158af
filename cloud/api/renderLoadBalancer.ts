import { loadBalancerTypes } from "../catalogue/loadBalancerTypes.ts";
import { locations } from "../catalogue/locations.ts";
import { ipv6Host } from "./addresses.ts";
import type { Cloud } from "./cloud.ts";
import { addressOf, publicAddresses, serversOf } from "./loadBalancers.ts";
import type { LoadBalancer, Server, Service, Target } from "./model.ts";
import { defaultDnsPtr } from "./render.ts";

/** Pure: a load balancer of the store as Hetzner's JSON. */

function renderService({ http, healthCheck, ...service }: Service) {
  const check = healthCheck.http;
  return {
    protocol: service.protocol,
    listen_port: service.listenPort,
    destination_port: service.destinationPort,
    proxyprotocol: service.proxyProtocol,
    health_check: {
      protocol: healthCheck.protocol,
      port: healthCheck.port,
      interval: healthCheck.interval,
      timeout: healthCheck.timeout,
      retries: healthCheck.retries,
      ...(check && {
        http: {
          domain: check.domain,
          path: check.path,
          response: check.response,
          status_codes: check.statusCodes,
          tls: check.tls,
        },
      }),
    },
    ...(http && {
      http: {
        cookie_name: http.cookieName,
        cookie_lifetime: http.cookieLifetime,
        certificates: http.certificates,
        redirect_http: http.redirectHttp,
        sticky_sessions: http.stickySessions,
        timeout_idle: http.timeoutIdle,
      },
    }),
  };
}

/** One entry for each service; "unknown" for what has not been looked at. */
function renderHealth(balancer: LoadBalancer, address: string | null) {
  return balancer.services.map(({ listenPort }) => {
    const seen = balancer.health.find((one) => one.address === address && one.listenPort === listenPort);
    return {
      listen_port: listenPort,
      status: seen?.status ?? "unknown",
      ...(seen?.detail && { detail: seen.detail }),
      ...(seen?.httpStatusCode && { http_status_code: seen.httpStatusCode }),
    };
  });
}

function renderServerTarget({ store }: Cloud, balancer: LoadBalancer, server: Server, usePrivateIp: boolean) {
  return {
    type: "server",
    server: { id: server.id },
    health_status: renderHealth(balancer, addressOf(store, balancer, server, usePrivateIp)),
    use_private_ip: usePrivateIp,
  };
}

function renderTarget(cloud: Cloud, balancer: LoadBalancer, target: Target) {
  if (target.type === "ip") {
    return { type: "ip", ip: { ip: target.ip }, health_status: renderHealth(balancer, target.ip) };
  }
  const resolved = serversOf(cloud.store.all("server"), target).map((server) =>
    renderServerTarget(cloud, balancer, server, target.usePrivateIp),
  );
  if (target.type === "server") return resolved[0];
  return {
    type: "label_selector",
    label_selector: { selector: target.selector },
    targets: resolved,
    use_private_ip: target.usePrivateIp,
  };
}

export function renderLoadBalancer(cloud: Cloud, balancer: LoadBalancer) {
  const type = loadBalancerTypes.find(({ name }) => name === balancer.type);
  const { privateNet } = balancer;
  const { ipv4, ipv6 } = publicAddresses(cloud.store, balancer);
  return {
    id: balancer.id,
    name: balancer.name,
    public_net: {
      enabled: balancer.publicInterface,
      ipv4: { id: ipv4.id, ip: ipv4.ip, blocked: false, dns_ptr: defaultDnsPtr(ipv4.ip) },
      ipv6: { id: ipv6.id, ip: ipv6Host(ipv6.ip), blocked: false, dns_ptr: null },
    },
    private_net: privateNet ? [{ network: privateNet.network, ip: privateNet.ip }] : [],
    location: locations.find(({ name }) => name === balancer.location),
    load_balancer_type: type,
    protection: balancer.protection,
    labels: balancer.labels,
    created: balancer.created,
    services: balancer.services.map(renderService),
    targets: balancer.targets.flatMap((target) => renderTarget(cloud, balancer, target) ?? []),
    algorithm: { type: balancer.algorithm },
    outgoing_traffic: null,
    ingoing_traffic: null,
    included_traffic:
      type?.prices.find(({ location }) => location === balancer.location)?.included_traffic ?? 0,
  };
}
