import { hostname, userInfo } from "node:os";
import type { SshSession } from "./session.ts";

/**
 * Who opens a session on a machine, and for which command: one entry in the machine's journal. It is what the
 * command says of itself; whoever has the key of the stack could say something else.
 */
export interface Visitor {
  /** A person's name from the stack's file, or a login name. */
  person: string;
  /** Login name and host, as "anna@laptop". */
  from: string;
  /** The command without its options, which may hold what no journal should keep: "rollout production". */
  command: string;
}

/** What tells this process and those that it starts who runs which command. */
export const OPERATOR_VARIABLE = "PHASEWISE_OPERATOR";
export const COMMAND_VARIABLE = "PHASEWISE_COMMAND";

/** The visitor that this process is. Outside of our commands, as in a plain `pulumi up`, the command is "pulumi". */
export function visitorOf(
  env: Record<string, string | undefined> = process.env,
  host: string = hostname(),
  login: string = userInfo().username,
): Visitor {
  const user = env.SUDO_USER || login;
  return {
    person: plain(env[OPERATOR_VARIABLE] ?? "") || plain(user),
    from: plain(`${user}@${host}`),
    command: plain(env[COMMAND_VARIABLE] ?? "") || "pulumi",
  };
}

/** The entry as `logger --journald` reads it: one field a line. */
export function journalEntry({ person, from, command }: Visitor): string {
  const fields = {
    MESSAGE: `${person} (${from}) runs ${command}`,
    SYSLOG_IDENTIFIER: "phasewise",
    PRIORITY: "5",
    PHASEWISE_PERSON: person,
    PHASEWISE_FROM: from,
    PHASEWISE_COMMAND: command,
  };
  return Object.entries(fields)
    .map(([name, value]) => `${name}=${value}\n`)
    .join("");
}

/**
 * Writes the entry into the machine's journal, as root. Gives the reason where the machine cannot keep it: a broken
 * journal must not keep out whoever comes to mend it.
 */
export async function announce(
  session: Pick<SshSession, "exec">,
  visitor: Visitor,
  signal?: AbortSignal,
): Promise<string | null> {
  const stdin = journalEntry(visitor);
  const done = await session.exec("timeout 5 logger --journald", { stdin, ...(signal ? { signal } : {}) });
  return done.code === 0 ? null : done.stderr.trim() || `exit code ${done.code}`;
}

/** One line of at most 80 printable characters. */
function plain(text: string): string {
  return text
    .replace(/[^\x20-\x7e]/g, "")
    .trim()
    .slice(0, 80);
}
