import { READS, WRITES } from "../../../roles/pgbouncerConfiguration.ts";

const consoleOf = ({ port, socket }: { port: number; socket: string }) =>
  `psql -qXAt -h ${socket} -p ${port} -U postgres -d pgbouncer`;

export const POOLERS = [WRITES, READS].map((pooler) => ({ ...pooler, console: consoleOf(pooler) }));

/** Lets the clients of a gateway's poolers go on. */
export const RESUME = POOLERS.map(({ console }) => `${console} -c RESUME >/dev/null 2>&1 || true`).join("; ");

/** Makes them wait, once their transactions have ended: for five seconds at most. */
export const PAUSE = POOLERS.map(({ console }) => `timeout 5 ${console} -c PAUSE || true`).join("; ");

/**
 * Ends the connections of those clients that have none of their own open transactions: for some moments everybody
 * waits, and those that asked nothing meanwhile are sent away. A pool of connections takes another one.
 */
export const SEND_AWAY = POOLERS.map(({ console }) =>
  [
    `trap '${console} -c RESUME >/dev/null 2>&1' EXIT`,
    "for i in $(seq 25); do",
    `  timeout 2 ${console} -c PAUSE >/dev/null 2>&1 || true`,
    // Linked: in a transaction. Waiting: its question came meanwhile.
    `  ids=$(${console} --csv -P tuples_only=off -c 'SHOW CLIENTS' | python3 -c '${pickIdle()}')`,
    `  for id in $ids; do echo "KILL_CLIENT $id;"; done | ${console} >/dev/null 2>&1 || true`,
    `  ${console} -c RESUME >/dev/null 2>&1 || true`,
    `  [ -z "$ids" ] && [ "$i" -gt 1 ] && break`,
    "  sleep 0.2",
    "done",
  ].join("\n"),
)
  .map((script) => `(\n${script}\n)`)
  .join("\n");

function pickIdle(): string {
  return [
    "import csv, sys",
    "for row in csv.DictReader(sys.stdin):",
    '    if row["database"] != "pgbouncer" and row["state"] in ("active", "idle") and not row["link"]:',
    '        print(row["id"])',
  ].join("\n");
}
