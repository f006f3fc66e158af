import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { createInterface } from "node:readline";
import type { Announcement } from "./process.ts";

export interface SpawnedStorage extends Announcement {
  process: ChildProcess;
  /** What it has in memory, in bytes. */
  memory(): number;
  /** SIGKILL, and wait until it is gone. */
  kill(): Promise<void>;
}

/** A directory of a fixed name, emptied of what a killed predecessor left. */
export function cleanDirectory(name: string): string {
  const directory = `/var/tmp/phasewise-test-objects-${name}`;
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  return directory;
}

/**
 * Started as the daemon is.
 * @param port 0 takes a free one
 */
export async function spawnStorage(directory: string, port = 0): Promise<SpawnedStorage> {
  const script = new URL("process.ts", import.meta.url).pathname;
  const child = spawn(process.execPath, ["--max-semi-space-size=4", script, directory, String(port)], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const errors: string[] = [];
  createInterface({ input: child.stderr! }).on("line", (line) => errors.push(line));
  const line = once(createInterface({ input: child.stdout! }), "line") as Promise<[string]>;
  const exit = once(child, "exit").then(() => {
    throw new Error(`the object storage did not start:\n${errors.join("\n")}`);
  });
  exit.catch(() => {});
  const [announcement] = await Promise.race([line, exit]);
  return {
    ...(JSON.parse(announcement!) as Announcement),
    process: child,
    memory: () => residentBytes(child.pid!),
    kill: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, "exit");
      child.kill("SIGKILL");
      await gone;
    },
  };
}

function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)![1]) * 1024;
}
