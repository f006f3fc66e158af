import { PORTS } from "./paths.ts";

/** A cache that a gateway leads to. */
export interface ProxiedCache {
  name: string;
  /** The machines of its Redis. */
  servers: { name: string; address: string }[];
}

/** A cache's clients never take the connections that the database's need: see `maxconn` of the whole. */
const MOST_CLIENTS = 3000;

/** Two answers in a row that say no, the second at once: one that was merely late cuts nobody off. */
const GATE_TIMES = "inter 500ms fastinter 100ms downinter 200ms";

/**
 * Where clients come to a cache by TLS, and are led on by TLS. Of several servers the one serves that the gate says is
 * the primary (see `cacheGate`): when it is another one, the connections to the old one are closed.
 *
 * @param certificate File with the endpoint's certificate and key.
 */
export function cacheProxy({ name, servers }: ProxiedCache, certificate: string): string[] {
  const gated = servers.length > 1;
  // One that has no other in its place is always tried: so it serves again in the moment in which it is back.
  const check = gated ? ` check addr 127.0.0.1 port ${PORTS.cacheGate} no-check-ssl ${GATE_TIMES}` : "";
  return [
    `frontend ${name}`,
    `    bind :${PORTS.redis} ssl crt ${certificate} ssl-min-ver TLSv1.3`,
    `    maxconn ${MOST_CLIENTS}`,
    `    default_backend ${name}`,
    "",
    `backend ${name}`,
    // A machine that is gone is not waited for: when there is another primary, the next attempt reaches it.
    "    timeout connect 1s",
    "    retries 1",
    "    option redispatch 1",
    ...(gated ? ["    option httpchk", `    http-check send meth OPTIONS uri-lf /${name}/%[srv_name]`] : []),
    ...servers.map(
      (server) =>
        `    server ${server.name} ${server.address}:${PORTS.redisServer} ssl verifyhost ${server.name}${check}`,
    ),
  ];
}
