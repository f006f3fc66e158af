import { lines } from "./build.ts";
import { SECRETS, secret } from "./secrets.ts";

/** Redis' users: one for each who has business with it. */
export const USERS = {
  /** Applications. */
  application: "app",
  /** Root on the machine, by its Unix socket. */
  admin: "admin",
  /** Metrics. */
  monitor: "monitor",
  /** Other Redis servers of the same cache. */
  peer: "peer",
  /** Backups. */
  backup: "backup",
  /** The Sentinels that watch it. */
  sentinel: "sentinel",
} as const;

/**
 * The text of the ACL file.
 *
 * - An application may do everything with its data, and ask INFO and ROLE, which clients do when they connect. What
 *   stops the server for everybody stays out: KEYS (SCAN does the same in small steps), DEBUG, CONFIG, SHUTDOWN.
 *   FLUSHDB stays in: it is how frameworks empty their cache.
 * - Metrics read numbers and no value; CONFIG GET would show them the replication's password.
 * - Peers and Sentinels: what Redis' documentation lists for each ("ACL", "ACL rules for Sentinel and Replicas").
 *   Peers can read all data, as replicas do; Sentinels none of it.
 * - Backups take what a replica is given (`redis-cli --rdb`), and can do nothing else.
 */
export function redisUsers(): string {
  return lines(
    "user default reset off",
    user(USERS.admin, SECRETS.redisAdminPassword, "~* &* +@all"),
    user(
      USERS.application,
      SECRETS.redisPassword,
      "~* &* +@all -@admin -@dangerous +info +role +flushdb +sort +sort_ro",
    ),
    user(
      USERS.monitor,
      SECRETS.redisMonitorPassword,
      "-@all +ping +info +slowlog|get +slowlog|len +latency|latest +latency|histogram +client|setname",
    ),
    user(USERS.peer, SECRETS.redisPeerPassword, "-@all +psync +replconf +ping"),
    user(USERS.backup, SECRETS.redisBackupPassword, "-@all +sync +replconf"),
    user(
      USERS.sentinel,
      SECRETS.redisSentinelPassword,
      "&* -@all +ping +multi +exec +slaveof +config|rewrite +role +publish +subscribe +info +client|setname" +
        " +client|kill +script|kill",
    ),
  );
}

/** Sentinel's users. Clients may ask who the primary is and be told of changes; all else is its peers' and root's. */
export function sentinelUsers(): string {
  return lines(
    "user default reset off",
    user(USERS.admin, SECRETS.sentinelAdminPassword, "~* &* +@all"),
    user(
      USERS.application,
      SECRETS.sentinelPassword,
      "&* -@all +@connection -@dangerous +role +info +subscribe +unsubscribe +psubscribe +punsubscribe" +
        " +sentinel|get-master-addr-by-name +sentinel|master +sentinel|masters +sentinel|replicas" +
        " +sentinel|slaves +sentinel|sentinels +sentinel|myid",
    ),
    user(
      USERS.peer,
      SECRETS.sentinelPeerPassword,
      "&* -@all +ping +publish +info +client|setname +sentinel|is-master-down-by-addr",
    ),
  );
}

function user(name: string, password: string, rules: string): string {
  return `user ${name} reset on >${secret(password)} ${rules}`;
}
