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
  /** Other Redis servers and Sentinels of the same stack. */
  peer: "peer",
} as const;

/**
 * The text of the ACL file.
 *
 * - An application may do everything with its data, and ask INFO and ROLE, which clients do when they connect. What
 *   stops the server for everybody stays out: KEYS (SCAN does the same in small steps), DEBUG, CONFIG, SHUTDOWN.
 *   FLUSHDB stays in: it is how frameworks empty their cache.
 * - Metrics read numbers and no value; CONFIG GET would show them the replication's password.
 * - Peers: what Redis' documentation lists for replication and for Sentinel ("ACL", "ACL rules for Sentinel and
 *   Replicas").
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
    user(
      USERS.peer,
      SECRETS.redisPeerPassword,
      "&* -@all +psync +replconf +ping +multi +exec +slaveof +config|rewrite +role +publish +subscribe +info" +
        " +client|setname +client|kill +script|kill",
    ),
  );
}

function user(name: string, password: string, rules: string): string {
  return `user ${name} reset on >${secret(password)} ${rules}`;
}
