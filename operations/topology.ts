import { visitorOf } from "../clients/ssh/visitor.ts";
import type { SshTarget } from "../clients/ssh.ts";
import { type Topology, topologySchema } from "../infra/topology.ts";
import { messageOf, Problem } from "../toolchain/problem.ts";
import type { OperationContext } from "./context.ts";
import { EngineError } from "./deploy/engine.ts";
import { readStackFile } from "./deploy/stackFile.ts";
import { stackOutputs } from "./deploy/state.ts";
import { type Deployment, openDeployment, readState, runEngine } from "./deploy/workspace.ts";

/** A machine of a stack that runs. */
export type Machine = Topology["machines"][number];
/** A PostgreSQL cluster of a stack that runs. */
export type Cluster = Topology["clusters"][number];
/** A cache of a stack that runs. */
export type Cache = Topology["caches"][number];

export interface Deployed {
  topology: Topology;
  deployment: Deployment;
}

/**
 * What a stack consists of, with the keys to it.
 * @throws Problem where it was never brought up, or was by another version of Phasewise.
 */
export async function readDeployed(stack: string, ctx: OperationContext): Promise<Deployed> {
  const file = await readStackFile(stack);
  const deployment = await openDeployment(file, ctx);
  if (deployment.backend) {
    const state = await readState(deployment);
    if (!state || stackOutputs(state)?.topology === undefined) throw notUp(stack);
  }
  return { topology: await readTopology(deployment, ctx), deployment };
}

/** The topology output of a stack, decrypted by the engine. */
export async function readTopology(deployment: Deployment, ctx: OperationContext): Promise<Topology> {
  const { stack } = deployment.file;
  const args = ["stack", "output", "topology", "--json", "--show-secrets", "--stack", stack];
  let text: string;
  try {
    text = (await runEngine(deployment, args, { signal: ctx.signal })).stdout;
  } catch (error) {
    if (error instanceof EngineError && /no stack named|does not have output property/.test(error.stderr)) {
      throw notUp(stack);
    }
    throw error;
  }
  return parseTopology(stack, text);
}

/** @param text JSON. */
export function parseTopology(stack: string, text: string): Topology {
  const result = topologySchema.safeParse(JSON.parse(text));
  if (result.success) return result.data;
  throw new Problem({
    happened: `What ${stack} says of itself was written by another version of Phasewise: ${messageOf(result.error).split("\n")[0]}`,
    details: result.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`),
    left: "Nothing was changed.",
    todo: [`Run \`npx phasewise up ${stack}\` with this version; it writes it anew.`],
    cause: result.error,
  });
}

function notUp(stack: string): Problem {
  return new Problem({
    happened: `${stack} is not up: it has no machines yet, or its first \`up\` did not come to its end.`,
    left: "Nothing was changed.",
    todo: [`npx phasewise up ${stack}`],
  });
}

/** How a machine is reached by the operator's key. */
export function sshTarget(topology: Topology, machine: Machine): SshTarget {
  return {
    host: machine.publicAddress,
    port: 22,
    user: topology.ssh.user,
    privateKey: topology.ssh.privateKey,
    hostKeys: [machine.hostKey],
    visitor: visitorOf(),
  };
}

/**
 * The machine of this name; without a name, the only or first one.
 * @throws Problem (exit 2) that lists the names there are.
 */
export function findMachine(topology: Topology, name?: string): Machine {
  const found =
    name === undefined ? topology.machines[0] : topology.machines.find((one) => one.name === name);
  if (found) return found;
  throw new Problem({
    happened: `${topology.stack} has no machine "${name}".`,
    left: "Nothing was changed.",
    todo: [`Give one of: ${topology.machines.map((one) => one.name).join(", ")}`],
    exitCode: 2,
  });
}
