import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { environment } from "./run.ts";

export interface Detached {
  /** Folders of the control groups that it joins before it begins. */
  groups: string[];
  /** File for all that it says; emptied first. */
  log: string;
  command: string[];
  env?: Record<string, string>;
}

export interface Started {
  /** Whether it has ended already. */
  ended(): boolean;
}

// A process is in its groups before it is anything else, so that whoever comes after a kill finds it there.
const joinGroups = 'for group in $1; do echo $$ > "$group/cgroup.procs" || exit 1; done; shift; exec "$@"';

/** Starts a process in a session of its own, which goes on when this one ends. */
export function startDetached({ groups, log, command, env }: Detached): Started {
  const output = openSync(log, "w", 0o600);
  try {
    const child = spawn("sh", ["-c", joinGroups, "phasewise", groups.join("\n"), ...command], {
      detached: true,
      stdio: ["ignore", output, output],
      cwd: "/",
      env: environment(env),
    });
    let over = false;
    child.once("error", () => {
      over = true;
    });
    child.once("exit", () => {
      over = true;
    });
    child.unref();
    return { ended: () => over };
  } finally {
    closeSync(output);
  }
}
