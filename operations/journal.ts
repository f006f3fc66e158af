import { quote } from "../clients/ssh/quote.ts";
import { connect } from "../clients/ssh.ts";
import { Problem } from "../toolchain/problem.ts";
import type { OperationContext } from "./context.ts";
import { type Entry, parseJournal } from "./journal/entries.ts";
import { findMachine, type Machine, readDeployed, sshTarget } from "./topology.ts";

export type { Entry } from "./journal/entries.ts";

export interface JournalOptions {
  /** Only this machine. */
  machine?: string;
  /** Only what this person did. */
  person?: string;
  /** As journalctl takes it: "-1h", "today". */
  since: string;
  /** How many of the last entries. */
  lines: number;
  /** Also the logins with the stack's own key, one for each connection of a command. */
  all: boolean;
}

export interface JournalReport {
  stack: string;
  /** Oldest first. */
  entries: Entry[];
}

/** Who came to the machines of a stack, and what they did there. */
export async function journal(
  stack: string,
  options: JournalOptions,
  ctx: OperationContext,
): Promise<JournalReport> {
  const { topology } = await readDeployed(stack, ctx);
  const machines = options.machine ? [findMachine(topology, options.machine)] : topology.machines;
  const read = async (machine: Machine): Promise<Entry[]> => {
    const session = await connect(sshTarget(topology, machine), { signal: ctx.signal });
    try {
      const done = await session.exec(journalCommand(options.since), { signal: ctx.signal });
      if (done.code !== 0) throw unreadable(machine, done.stderr);
      return parseJournal(machine.name, done.stdout);
    } finally {
      session.close();
    }
  };
  const entries = (await Promise.all(machines.map(read))).flat();
  return { stack, entries: chosen(entries, options) };
}

/** What was asked for, in the order of time. */
export function chosen(
  entries: Entry[],
  { person, lines, all }: Pick<JournalOptions, "person" | "lines" | "all">,
): Entry[] {
  return entries
    .filter((entry) => all || entry.person !== "root" || entry.kind === "command")
    .filter((entry) => person === undefined || entry.person === person)
    .sort((one, other) => one.time.localeCompare(other.time))
    .slice(-lines);
}

/** Entries of programs that only root can speak for: their names and paths are the kernel's word, not the text's. */
export function journalCommand(since: string): string {
  const sources = [
    "SYSLOG_IDENTIFIER=phasewise _UID=0",
    "_EXE=/usr/lib/openssh/sshd-session",
    "_EXE=/usr/bin/sudo",
  ];
  return `journalctl --no-pager -o json --since ${quote(since)} ${sources.join(" + ")}`;
}

function unreadable(machine: Machine, stderr: string): Problem {
  return new Problem({
    happened: `The journal of ${machine.name} cannot be read: ${stderr.trim().split("\n").at(-1)}`,
    left: "Nothing was changed.",
    todo: ["Give --since a time as journalctl takes it: -1h, yesterday, 2026-01-31"],
  });
}
