import { join } from "node:path";
import { Canary } from "../../operations/canary/canary.ts";
import { readDeployed } from "../../operations/topology.ts";
import type { Stack } from "../e2e/stack.ts";

/** The canary of promotions on a stack of the benchmark; to be finished. */
export async function startCanary(stack: Stack): Promise<Canary> {
  const before = process.env.PHASEWISE_DIR;
  process.env.PHASEWISE_DIR = stack.directory;
  try {
    const ctx = { signal: new AbortController().signal, onLine: () => {} };
    const { topology } = await readDeployed(stack.name, ctx);
    const run = `bench-${Date.now()}`;
    return await Canary.start(topology, { run, folder: join(stack.directory, "bench-canary", run) });
  } finally {
    if (before === undefined) delete process.env.PHASEWISE_DIR;
    else process.env.PHASEWISE_DIR = before;
  }
}
