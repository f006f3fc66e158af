import { directory, file, lines, pending, reload, role, running } from "./build.ts";
import { cacheProxy, type ProxiedCache } from "./haproxyCaches.ts";
import type { RoleManifest } from "./manifest.ts";
import { PORTS } from "./paths.ts";
import { SECRETS, secret } from "./secrets.ts";
import { dropIn, unitFile } from "./unit.ts";

export interface HaproxySettings {
  /** The members of the PostgreSQL cluster. */
  members: { name: string; address: string }[];
  /** The caches whose clients come to this gateway. */
  caches: ProxiedCache[];
}

export const HAPROXY_PACKAGES = ["haproxy"];

const UNIT = "haproxy.service";
const TLS = "/etc/haproxy/tls";
const ENDPOINT = `${TLS}/endpoint.pem`;

/**
 * The fence of a gateway: two local ports, of which one always leads to the primary that Patroni names, the other to
 * replicas that are near enough, or to the primary where there is none. And where clients of a cache come in.
 */
export function haproxy(settings: HaproxySettings): RoleManifest {
  // A reload starts a new worker with the new certificates; the old one keeps its connections until they end.
  const reloaded = { onChange: reload(UNIT) };
  return role("haproxy", {
    packages: HAPROXY_PACKAGES,
    hold: HAPROXY_PACKAGES,
    directories: [directory(TLS, { mode: "0700" })],
    files: [
      file(`${TLS}/ca.pem`, secret(SECRETS.caCertificate), { mode: "0600", ...reloaded }),
      file(`${TLS}/node.pem`, `${secret(SECRETS.nodeCertificate)}\n${secret(SECRETS.nodeKey)}`, {
        mode: "0600",
        ...reloaded,
      }),
      ...(settings.caches.length > 0
        ? [
            file(ENDPOINT, `${secret(SECRETS.endpointCertificate)}\n${secret(SECRETS.endpointKey)}`, {
              mode: "0600",
              ...reloaded,
            }),
          ]
        : []),
      file("/etc/haproxy/haproxy.cfg", configuration(settings), reloaded),
      file(dropIn(UNIT), DROP_IN, { onChange: pending(UNIT) }),
    ],
    units: [running(UNIT, { stateful: true })],
  });
}

/** It has nothing to wait for: addresses are numbers, and servers that do not answer yet are just down. */
const DROP_IN = unitFile({
  Unit: { After: ["", "network.target"], StartLimitIntervalSec: 0 },
  Service: { RestartSec: 1 },
});

function configuration({ caches, members }: HaproxySettings): string {
  return lines(
    "global",
    "    log stdout format short daemon notice",
    "    user haproxy",
    "    group haproxy",
    "    chroot /var/lib/haproxy",
    "    stats socket /run/haproxy.sock mode 600 level admin",
    "    maxconn 4000",
    "    nbthread 1",
    "    ssl-default-server-options ssl-min-ver TLSv1.2",
    "    hard-stop-after 24h",
    "",
    "defaults",
    "    mode tcp",
    "    log global",
    "    option dontlognull",
    "    option clitcpka",
    "    option srvtcpka",
    "    timeout connect 2s",
    "    timeout check 2s",
    "    # A query may be silent for hours; that the other side still lives is what TCP keepalive asks.",
    "    timeout client 24h",
    "    timeout server 24h",
    "    default-server inter 1s downinter 300ms fall 2 rise 1 on-marked-down shutdown-sessions check-ssl verify required" +
      ` ca-file ${TLS}/ca.pem crt ${TLS}/node.pem`,
    "",
    "frontend primary",
    `    bind 127.0.0.1:${PORTS.haproxyPrimary}`,
    "    # Two that say so: one of them woke up and does not know yet that it was replaced.",
    "    tcp-request connection reject if { nbsrv(primary) gt 1 }",
    "    default_backend primary",
    "",
    "frontend replicas",
    `    bind 127.0.0.1:${PORTS.haproxyReplicas}`,
    "    use_backend primary if { nbsrv(replicas) lt 1 }",
    "    default_backend replicas",
    "",
    ...backend("primary", { port: PORTS.patroni, path: "/primary" }, members),
    "",
    ...backend("replicas", { port: PORTS.readGate, path: "/" }, members),
    ...caches.flatMap((cache) => ["", ...cacheProxy(cache, ENDPOINT)]),
  );
}

/** @param check What a member is asked, over its own and our certificate. */
function backend(
  name: string,
  check: { port: number; path: string },
  members: HaproxySettings["members"],
): string[] {
  return [
    `backend ${name}`,
    // OPTIONS answers with the status alone: a body would meet a connection that the check has closed already.
    `    option httpchk OPTIONS ${check.path}`,
    ...members.map(
      (member) =>
        `    server ${member.name} ${member.address}:${PORTS.postgres} check port ${check.port} verifyhost ${member.name}`,
    ),
  ];
}
