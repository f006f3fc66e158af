import { describe, expect, it } from "vitest";
import { haproxyConfig, statusPattern } from "../../../../cloud/balancers/config.ts";
import type { BalancedService, LoadBalancerSpec } from "../../../../cloud/hypervisor.ts";

const settings = { folder: "/run/phasewise/3/balancer-7", maxConnections: 9000, withIpv6: true };

const service: BalancedService = {
  protocol: "tcp",
  listenPort: 5432,
  destinationPort: 6432,
  proxyProtocol: false,
  http: null,
  healthCheck: { port: 6432, intervalSeconds: 15, timeoutSeconds: 10, retries: 3, http: null },
};
const check = { domain: null, path: "/primary", response: "", statusCodes: ["2??"], tls: false };

function spec(services: BalancedService[], changes: Partial<LoadBalancerSpec> = {}): LoadBalancerSpec {
  return {
    id: 7,
    name: "front",
    ipv4: "198.18.3.9",
    ipv6: "2001:2:0:1c0::1",
    macAddress: "92:00:00:00:00:07",
    network: null,
    maxConnections: 10_000,
    algorithm: "round_robin",
    services,
    targets: ["10.0.1.11", "10.0.1.12"],
    ...changes,
  };
}

const lines = (services: BalancedService[], changes: Partial<LoadBalancerSpec> = {}) =>
  haproxyConfig(spec(services, changes), settings)
    .text.split("\n")
    .map((line) => line.trim());

describe("HAProxy's configuration", () => {
  it("is a listener and a backend for each service", () => {
    const { text, generation } = haproxyConfig(spec([service]), settings);
    expect(text).toBe(`global
  description ${generation}
  maxconn 9000
  nbthread 1
  stats socket /run/phasewise/3/balancer-7/stats.sock mode 600 level admin
  server-state-file /run/phasewise/3/balancer-7/state
  max-spread-checks 200
defaults
  timeout connect 5s
  timeout http-request 30s
  option redispatch
  load-server-state-from-file global
frontend listen-5432
  mode tcp
  bind *:5432
  bind :::5432 v6only
  timeout client 24h
  default_backend service-5432
backend service-5432
  mode tcp
  balance roundrobin
  timeout server 24h
  timeout check 10s
  server target-10.0.1.11 10.0.1.11:6432 check inter 15s fall 3 rise 3
  server target-10.0.1.12 10.0.1.12:6432 check inter 15s fall 3 rise 3
`);
  });

  it("changes its generation with everything in it", () => {
    const generations = [
      spec([service]),
      spec([service], { algorithm: "least_connections" }),
      spec([service], { targets: [] }),
      spec([]),
    ].map((one) => haproxyConfig(one, settings).generation);
    expect(new Set(generations).size).toBe(4);
  });

  it("checks by HTTP with a host only where there is one", () => {
    const http = { ...service.healthCheck, port: 8008, http: check };
    expect(lines([{ ...service, healthCheck: http }])).toEqual(
      expect.arrayContaining([
        "option httpchk",
        "http-check send meth GET uri '/primary'",
        "http-check expect rstatus '^(2..)$'",
        "server target-10.0.1.11 10.0.1.11:6432 check port 8008 inter 15s fall 3 rise 3",
      ]),
    );
    const full = { ...check, domain: "a.example", response: 'it\'s "well" $HOME', tls: true };
    expect(lines([{ ...service, healthCheck: { ...http, http: full } }])).toEqual(
      expect.arrayContaining([
        "http-check send meth GET uri '/primary' ver HTTP/1.1 hdr Host 'a.example'",
        `http-check expect string 'it'\\''s "well" $HOME'`,
        "server target-10.0.1.11 10.0.1.11:6432 check port 8008 inter 15s fall 3 rise 3 check-ssl verify none check-sni 'a.example'",
      ]),
    );
  });

  it("tells targets who asks, and keeps clients at one", () => {
    const sticky = { cookieName: "STAY", lifetimeSeconds: 300 };
    const http = { sticky, idleSeconds: 60, certificates: [], redirectHttp: false };
    expect(lines([{ ...service, protocol: "http", http, proxyProtocol: true }])).toEqual(
      expect.arrayContaining([
        "option forwardfor",
        "http-request set-header X-Forwarded-Proto http",
        "http-request set-header X-Forwarded-Port 5432",
        "cookie 'STAY' insert indirect nocache attr Max-Age=300",
        "timeout client 60s",
        "server target-10.0.1.11 10.0.1.11:6432 check inter 15s fall 3 rise 3 send-proxy-v2 cookie target-10.0.1.11",
      ]),
    );
  });

  it("ends TLS, and sends those who come without it", () => {
    const http = { sticky: null, idleSeconds: 60, certificates: ["PEM"], redirectHttp: true };
    const https: BalancedService = { ...service, protocol: "https", listenPort: 443, http };
    const { text, files } = haproxyConfig(spec([https]), settings);
    const [name] = files.keys();
    expect([...files.values()]).toEqual(["PEM"]);
    expect(text).toContain(`bind *:443 ssl alpn h2,http/1.1 crt ${settings.folder}/${name}\n`);
    expect(text).toMatch(/frontend redirect-443\n {2}mode http\n {2}bind \*:80\n/);
    expect(text).toContain(
      "http-request redirect location https://%[hdr(host),field(1,:)]%[capture.req.uri] code 301",
    );
  });

  it("has Hetzner's patterns of status codes", () => {
    expect(statusPattern(["2??", "404", "4*"])).toBe("^(2..|404|4.*)$");
  });
});
