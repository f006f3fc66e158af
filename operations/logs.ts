import { quote } from "../clients/ssh/quote.ts";
import { connect } from "../clients/ssh.ts";
import type { OperationContext } from "./context.ts";
import { findMachine, type Machine, readDeployed, sshTarget } from "./topology.ts";

export interface LogOptions {
  /** Only this machine. */
  machine?: string;
  /** Only these units; "kernel" is the kernel's messages. */
  units: string[];
  /** How many of the last lines of each machine. */
  lines: number;
  /** As journalctl takes it: "-1h", "today". */
  since?: string;
  follow: boolean;
  /** Also what says only that nothing happened. */
  all: boolean;
}

/**
 * Patroni says every ten seconds that it has nothing to do ("no action. I am (core-1), the leader with the lock"). An
 * extended regular expression, for grep.
 */
const noise = "INFO: no action[.] I am \\(";

/** What a machine of the data layer carries. */
export const defaultUnits = ["etcd", "patroni", "haproxy", "pgbouncer", "phasewise-*"];

/** Prints the journals of machines; `onText` gets whole lines, with the machine's name where there are several. */
export async function logs(
  stack: string,
  options: LogOptions,
  ctx: OperationContext,
  onText: (line: string) => void,
): Promise<void> {
  const { topology } = await readDeployed(stack, ctx);
  const machines = options.machine ? [findMachine(topology, options.machine)] : topology.machines;
  const prefix = (machine: Machine) => (machines.length > 1 ? `${machine.name} ` : "");
  await Promise.all(
    machines.map(async (machine) => {
      const session = await connect(sshTarget(topology, machine), { signal: ctx.signal });
      try {
        let rest = "";
        const onStdout = (text: string) => {
          const lines = (rest + text).split("\n");
          rest = lines.pop() ?? "";
          for (const line of lines) onText(prefix(machine) + line);
        };
        await session.exec(journalCommand(options), { signal: ctx.signal, onStdout });
      } finally {
        session.close();
      }
    }),
  );
}

/**
 * The command on the machine. What is left out is left out there, so that the number of lines is that of lines which
 * say something.
 */
export function journalCommand({ units, lines, since, follow, all }: Omit<LogOptions, "machine">): string {
  const wanted = (units.length > 0 ? units : defaultUnits).flatMap((unit) =>
    unit === "kernel" ? ["-k"] : ["-u", quote(unit)],
  );
  const journal = ["journalctl", "--no-pager", "--no-hostname", "-o", "short-iso", ...wanted].join(" ");
  const quiet = all ? "" : ` | grep --line-buffered -v -E ${quote(noise)}`;
  const last = all ? `-n ${lines}` : `-r${quiet} | head -n ${lines} | tac`;
  // Following goes on after the last line that was there when it began.
  const past = since ? `${journal} --since ${quote(since)}${quiet}` : `${journal} ${last}`;
  return follow ? `${past}; ${journal} -n 0 -f${quiet}` : past;
}
