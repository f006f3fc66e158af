import { quote } from "../../clients/ssh/quote.ts";
import { connect } from "../../clients/ssh.ts";
import { Problem } from "../../toolchain/problem.ts";
import type { OperationContext } from "../context.ts";
import { readDeployed } from "../topology.ts";
import { cloudAccess } from "./scratch.ts";
import { listScratch, removeScratch, type Scratch, scratchTarget } from "./scratchServer.ts";

export interface ScratchMachine {
  name: string;
  address: string;
  /** ISO 8601, UTC. */
  until: string;
  kept: boolean;
}

/** The throw-away machines of a stack that are there. */
export async function scratchMachines(stack: string, ctx: OperationContext): Promise<ScratchMachine[]> {
  const { found } = await look(stack, ctx);
  return found.map(({ name, address, until, kept }) => ({ name, address, until: until.toISOString(), kept }));
}

/** @returns the names of those that were removed. @throws Problem (exit 2) where there is none of this name. */
export async function removeScratches(
  stack: string,
  name: string | undefined,
  ctx: OperationContext,
): Promise<string[]> {
  const { access, found } = await look(stack, ctx);
  const chosen = name === undefined ? found : [choose(stack, found, name)];
  for (const one of chosen) await removeScratch(access, stack, one.name);
  return chosen.map((one) => one.name);
}

/**
 * Runs a command on a throw-away machine as the user postgres, joined to this terminal.
 * @returns its exit code.
 */
export async function runOnScratch(
  stack: string,
  name: string | undefined,
  command: string[],
  ctx: OperationContext,
): Promise<number> {
  const { topology, found } = await look(stack, ctx);
  const session = await connect(scratchTarget(topology, choose(stack, found, name)), { signal: ctx.signal });
  try {
    return await session.attach(`cd /tmp && runuser -u postgres -- ${command.map(quote).join(" ")}`);
  } finally {
    session.close();
  }
}

async function look(stack: string, ctx: OperationContext) {
  const { topology, deployment } = await readDeployed(stack, ctx);
  const access = await cloudAccess(deployment, ctx);
  return { topology, access, found: await listScratch(access, stack) };
}

function choose(stack: string, found: Scratch[], name: string | undefined): Scratch {
  const chosen = name === undefined ? found.at(-1) : found.find((one) => one.name === name);
  if (chosen) return chosen;
  throw new Problem({
    happened:
      name === undefined
        ? `${stack} has no throw-away machine.`
        : `${stack} has no throw-away machine "${name}".`,
    left: "Nothing was done.",
    todo: [
      found.length === 0
        ? `npx phasewise restore ${stack} --keep makes one.`
        : `There are: ${found.map((one) => one.name).join(", ")}.`,
    ],
    exitCode: 2,
  });
}
