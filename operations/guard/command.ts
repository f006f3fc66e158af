import { constants } from "node:os";
import { execa } from "execa";
import type { Connection } from "../connection.ts";

/**
 * Runs a command, by its words or by a shell, with the stack's URL in its environment, which only the operator and
 * root can read. What it prints goes to standard error where `quiet` keeps standard output for the report.
 * @param command Words, or one text for the shell.
 * @returns Its exit code; 124 where it took too long, 127 where it could not be started.
 */
export async function runWithDatabase(
  command: string[] | string,
  { public: target, password, secretUrl }: Connection,
  options: { quiet: boolean; seconds?: number },
): Promise<number> {
  const [file = "", ...args] = typeof command === "string" ? ["/bin/sh", "-c", command] : command;
  const result = await execa(file, args, {
    stdin: "inherit",
    stdout: options.quiet ? process.stderr : "inherit",
    stderr: "inherit",
    reject: false,
    ...(options.seconds === undefined ? {} : { timeout: options.seconds * 1000 }),
    env: {
      DATABASE_URL: secretUrl,
      PGHOST: target.host,
      PGPORT: String(target.port),
      PGDATABASE: target.database,
      PGUSER: target.user,
      PGPASSWORD: password,
      PGSSLMODE: "verify-full",
      PGSSLROOTCERT: target.caCertificate,
    },
  });
  if (result.timedOut) return 124;
  if (result.signal !== undefined) return 128 + (constants.signals[result.signal] ?? 0);
  return result.exitCode ?? 127;
}
