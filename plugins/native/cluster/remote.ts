import { Patroni, type PatroniAccess } from "../../../clients/patroni.ts";
import { quote } from "../../../clients/ssh/quote.ts";
import type { ExecResult, SshSession } from "../../../clients/ssh.ts";

/** PostgreSQL is not (or no longer) the primary on this machine: look for the leader again. */
export class LeaderMoved extends Error {
  constructor() {
    super("the leader moved in the middle of the work");
    this.name = "LeaderMoved";
  }
}

/** PostgreSQL takes no connections: it starts, or is down. */
export class NotUp extends Error {
  constructor(message: string) {
    super(message);
    this.name = "NotUp";
  }
}

/** psql's exit code where the connection could not be made, or broke. */
const noConnection = 2;

/** SQL that PostgreSQL refused: `message` is its own, `at` the last line that the script had echoed. */
export class SqlError extends Error {
  readonly at: string | null;
  constructor(message: string, at: string | null) {
    super(message);
    this.name = "SqlError";
    this.at = at;
  }
}

/** One member's machine, as root. */
export class Remote {
  readonly session: SshSession;
  readonly patroni: Patroni;

  constructor(session: SshSession, access: PatroniAccess) {
    this.session = session;
    this.patroni = new Patroni(session, access);
  }

  /**
   * Runs a psql script as the superuser and returns its output; the script goes over stdin. Throws `SqlError`, or
   * `NotUp` where there is no PostgreSQL to run it.
   */
  async psql(script: string, database = "postgres", signal?: AbortSignal): Promise<string> {
    const flags = "-X -q -A -t -v ON_ERROR_STOP=1 -v VERBOSITY=terse";
    const command = `cd / && exec runuser -u postgres -- psql ${flags} -d ${quote(database)} -f -`;
    const done = await this.session.exec(command, { stdin: script, signal });
    if (done.code === 0) return done.stdout;
    const message = done.stderr
      .trim()
      .split("\n")
      .map((line) => line.replace(/^psql:<stdin>:\d+: /, ""))
      .join("\n");
    if (/read-only transaction|is in recovery/.test(message)) throw new LeaderMoved();
    if (done.code === noConnection) throw new NotUp(message);
    throw new SqlError(message, done.stdout.trim().split("\n").at(-1) || null);
  }

  /** An sh script that ends at its first failing command, as root. It shows in the machine's process list. */
  script(text: string, signal?: AbortSignal): Promise<ExecResult> {
    return this.session.exec(`cd / && exec sh -e -c ${quote(text)}`, { stdin: "", signal });
  }
}
