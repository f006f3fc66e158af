import { setTimeout as sleep } from "node:timers/promises";

/** A failover takes some 20 seconds: what is still worth waiting for after this is the client's own business. */
const patience = 45_000;

/**
 * Repeats `attempt` while the database is out of reach, or answers as a server does that is just being replaced.
 *
 * An attempt may have been done although its answer was lost: only give what can be done twice with the same effect.
 *
 * @throws The last error once the patience is over, and any other error at once.
 */
export async function untilThere<T>(attempt: () => Promise<T>, patienceMs = patience): Promise<T> {
  const end = Date.now() + patienceMs;
  for (let pause = 50; ; pause = Math.min(pause * 2, 1_000)) {
    try {
      return await attempt();
    } catch (error) {
      if (!isPassing(error) || Date.now() + pause > end) throw error;
      await sleep(pause * (0.5 + Math.random() / 2));
    }
  }
}

/**
 * Classes of PostgreSQL's codes that say nothing about the statement: 08 connection, 57P the server stops or starts,
 * 53 its limits, 25006 it is no primary (any more), 40 a conflict with others.
 */
const passingCodes = /^(08...|57P..|53...|25006|40001|40P01)$/;

/** What Node and the driver say where nothing answers, and PgBouncer where it has nobody to pass a client on to. */
const passingTexts = [
  /ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH/,
  /Connection terminated|timeout exceeded when trying to connect|Query read timeout/,
  /server conn crashed|server login has been failing|query_wait_timeout|pooler error/,
];

export function isPassing(error: unknown): boolean {
  const { code, message } = error as { code?: string; message?: string };
  return passingCodes.test(code ?? "") || passingTexts.some((text) => text.test(`${code} ${message}`));
}
