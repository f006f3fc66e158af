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
}

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

/** The command on the machine. */
export function journalCommand({ units, lines, since, follow }: Omit<LogOptions, "machine">): string {
  const wanted = (units.length > 0 ? units : defaultUnits).flatMap((unit) =>
    unit === "kernel" ? ["-k"] : ["-u", quoted(unit)],
  );
  const when = since ? ["--since", quoted(since)] : ["-n", String(lines)];
  return [
    "journalctl",
    "--no-pager",
    "--no-hostname",
    "-o",
    "short-iso",
    ...wanted,
    ...when,
    ...(follow ? ["-f"] : []),
  ].join(" ");
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
