import { createHash } from "node:crypto";
import type { BalancedService, LoadBalancerSpec } from "../hypervisor.ts";

/** What the configuration of a load balancer's HAProxy needs to know of this host. */
export interface ConfigSettings {
  /** Where its sockets and files are. */
  folder: string;
  /** Connections at the same time: the type's, or what the host's limit of open files allows. */
  maxConnections: number;
  withIpv6: boolean;
}

/** A whole configuration and the files that it refers to, by name. */
export interface Configuration {
  text: string;
  /** Changes with everything that is in the configuration; a running HAProxy tells it as its description. */
  generation: string;
  /** PEM files with certificate and key. */
  files: ReadonlyMap<string, string>;
}

/**
 * How long a TCP connection may be silent. Hetzner does not say; a day leaves the idle connections of a database's
 * pool alone.
 */
const tcpIdle = "24h";

/** Name of a service's backend, from which its port is read again. */
export function backendName(listenPort: number): string {
  return `service-${listenPort}`;
}

export function targetName(address: string): string {
  return `target-${address}`;
}

/** HAProxy's configuration for a load balancer, see its configuration manual. Pure. */
export function haproxyConfig(spec: LoadBalancerSpec, settings: ConfigSettings): Configuration {
  const files = new Map<string, string>();
  const sections = spec.services.flatMap((service) => sectionsOf(spec, service, settings, files));
  const body = [...global(settings), ...defaults, ...sections];
  const generation = createHash("sha256").update(body.join("\n")).digest("hex").slice(0, 16);
  const [head = "", ...rest] = body;
  return { text: [head, `  description ${generation}`, ...rest, ""].join("\n"), generation, files };
}

function global({ folder, maxConnections }: ConfigSettings): string[] {
  return [
    "global",
    `  maxconn ${maxConnections}`,
    "  nbthread 1",
    `  stats socket ${folder}/stats.sock mode 600 level admin`,
    `  server-state-file ${folder}/state`,
    // The first look at every target comes at once, not spread over the interval.
    "  max-spread-checks 200",
  ];
}

const defaults = [
  "defaults",
  "  timeout connect 5s",
  "  timeout http-request 30s",
  "  option redispatch",
  "  load-server-state-from-file global",
];

function sectionsOf(
  spec: LoadBalancerSpec,
  service: BalancedService,
  { folder, withIpv6 }: ConfigSettings,
  files: Map<string, string>,
): string[] {
  const { listenPort: port, protocol, http } = service;
  // Two sockets: one for both families would call IPv4 clients by their mapped addresses.
  const binds = (number: number, tls = "") => [
    `  bind *:${number}${tls}`,
    ...(withIpv6 ? [`  bind :::${number} v6only${tls}`] : []),
  ];
  const tls = (http?.certificates ?? []).map((pem) => {
    const name = `${createHash("sha256").update(pem).digest("hex")}.pem`;
    files.set(name, pem);
    return ` crt ${folder}/${name}`;
  });
  const mode = protocol === "tcp" ? "tcp" : "http";
  const idle = http ? `${http.idleSeconds}s` : tcpIdle;
  return [
    `frontend listen-${port}`,
    `  mode ${mode}`,
    ...binds(port, protocol === "https" ? ` ssl alpn h2,http/1.1${tls.join("")}` : ""),
    `  timeout client ${idle}`,
    `  default_backend ${backendName(port)}`,
    `backend ${backendName(port)}`,
    `  mode ${mode}`,
    `  balance ${spec.algorithm === "round_robin" ? "roundrobin" : "leastconn"}`,
    `  timeout server ${idle}`,
    ...httpLines(service),
    ...checkLines(service),
    ...spec.targets.map((target) => `  ${serverLine(target, service)}`),
    ...(http?.redirectHttp ? redirect(port, binds(80)) : []),
  ];
}

function redirect(port: number, binds: string[]): string[] {
  const authority = port === 443 ? "" : `:${port}`;
  return [
    `frontend redirect-${port}`,
    "  mode http",
    ...binds,
    "  timeout client 30s",
    `  http-request redirect location https://%[hdr(host),field(1,:)]${authority}%[capture.req.uri] code 301`,
  ];
}

/** The headers that Hetzner's load balancers add, and the cookie that keeps a client at its target. */
function httpLines({ protocol, listenPort, http }: BalancedService): string[] {
  if (!http) return [];
  const { sticky } = http;
  return [
    "  option forwardfor",
    `  http-request set-header X-Forwarded-Proto ${protocol}`,
    `  http-request set-header X-Forwarded-Port ${listenPort}`,
    ...(sticky
      ? [
          `  cookie ${quoted(sticky.cookieName)} insert indirect nocache attr Max-Age=${sticky.lifetimeSeconds}`,
        ]
      : []),
  ];
}

function checkLines({ healthCheck: { http, timeoutSeconds } }: BalancedService): string[] {
  const timeout = `  timeout check ${timeoutSeconds}s`;
  if (!http) return [timeout];
  // HTTP/1.1 is not allowed without a host.
  const host = http.domain ? ` ver HTTP/1.1 hdr Host ${quoted(http.domain)}` : "";
  return [
    timeout,
    "  option httpchk",
    `  http-check send meth GET uri ${quoted(http.path)}${host}`,
    `  http-check expect rstatus ${quoted(statusPattern(http.statusCodes))}`,
    ...(http.response ? [`  http-check expect string ${quoted(http.response)}`] : []),
  ];
}

/** A regular expression for "2??", "404" and "4*". */
export function statusPattern(codes: readonly string[]): string {
  const alternatives = codes.map((code) => code.replaceAll("?", ".").replaceAll("*", ".*"));
  return `^(${alternatives.join("|")})$`;
}

function serverLine(address: string, service: BalancedService): string {
  const { destinationPort, proxyProtocol, healthCheck: check, http } = service;
  const name = targetName(address);
  const words = [`server ${name} ${address}:${destinationPort} check`];
  // A check on the traffic's own port speaks as the traffic does, PROXY header included.
  if (check.port !== destinationPort) words.push(`port ${check.port}`);
  words.push(`inter ${check.intervalSeconds}s fall ${check.retries} rise ${check.retries}`);
  if (check.http?.tls) words.push("check-ssl verify none");
  if (check.http?.tls && check.http.domain) words.push(`check-sni ${quoted(check.http.domain)}`);
  if (proxyProtocol) words.push("send-proxy-v2");
  if (http?.sticky) words.push(`cookie ${name}`);
  return words.join(" ");
}

/** A word in HAProxy's strong quotes, in which nothing but the quote itself has a meaning. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
