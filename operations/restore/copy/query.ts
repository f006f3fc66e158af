import { quote } from "../../../clients/ssh/quote.ts";
import type { SshSession } from "../../../clients/ssh.ts";
import { Problem } from "../../../toolchain/problem.ts";
import type { OperationContext } from "../../context.ts";

/** A database on a machine, as one of its roles. */
export interface Place {
  session: SshSession;
  /** How the machine is called in messages. */
  machine: string;
  database: string;
  /** The superuser, or an owner: the machine lets its own system user come as them. */
  user: string;
}

/** The shell command of a psql that takes SQL on its standard input and ends at the first error. */
export function psqlCommand({ database, user }: Pick<Place, "database" | "user">, options = "-At"): string {
  return (
    `cd /tmp && runuser -u postgres -- psql -Xq ${options} -v ON_ERROR_STOP=1` +
    ` -U ${quote(user)} -d ${quote(database)}`
  );
}

/** Runs SQL, rows as psql prints them unaligned. @throws Problem with what PostgreSQL said. */
export async function query(place: Place, sql: string, ctx: OperationContext): Promise<string> {
  const { code, stdout, stderr } = await place.session.exec(psqlCommand(place), {
    stdin: `${sql};\n`,
    signal: ctx.signal,
  });
  if (code === 0) return stdout.trim();
  throw new Problem({
    happened: `On ${place.machine}, PostgreSQL refused what the copy needs.`,
    details: (stderr || stdout).trim().split("\n").slice(-8),
    left: "Nothing that clients see was changed.",
    todo: ["Put right what it says, then run it again."],
  });
}
