import ipaddr from "ipaddr.js";
import { connect } from "../../clients/ssh.ts";
import type { Fault } from "../../infra/config.ts";
import { messageOf } from "../../toolchain/problem.ts";
import type { OperationContext } from "../context.ts";
import { readTopology, sshTarget } from "../topology.ts";
import { faultProblem } from "./faults.ts";
import type { Prepared } from "./prepare.ts";
import type { State } from "./state.ts";

/** How long a machine may take to say which address we come from (milliseconds). */
const askWithin = 5000;

/**
 * Refuses to close SSH to the address that this command itself comes from: the cloud's firewall changes first, and
 * then nobody here could bring the machines to the rest. Asked of a machine, since only it sees our address; and only
 * where the ranges change.
 * @throws Problem (exit 2)
 */
export async function refuseLockout(prepared: Prepared, ctx: OperationContext): Promise<void> {
  const { config, deployment, state } = prepared;
  const { operators } = config.access;
  const open = state && openToSsh(state);
  if (!open || sameRanges(open, operators)) return;
  const address = await ownAddress(prepared, ctx);
  if (address === null || isInside(address, operators)) return;
  throw faultProblem(deployment.file.stack, [lockout(address, operators)]);
}

/** The ranges that SSH is open to in the cloud's firewalls; null where there are none yet. */
export function openToSsh(state: State): string[] | null {
  const firewalls = state.resources.filter((one) => one.type === "hcloud:index/firewall:Firewall");
  if (firewalls.length === 0) return null;
  const rules = firewalls.flatMap(
    ({ inputs }) => (inputs?.rules ?? []) as { port?: string; sourceIps?: string[] }[],
  );
  return [...new Set(rules.filter((rule) => rule.port === "22").flatMap((rule) => rule.sourceIps ?? []))];
}

export function isInside(address: string, ranges: string[]): boolean {
  const parsed = ipaddr.process(address);
  return ranges.some((range) => {
    const [network, bits] = ipaddr.parseCIDR(range);
    return network.kind() === parsed.kind() && parsed.match([network, bits]);
  });
}

export function lockout(address: string, operators: string[]): Fault {
  return {
    path: "phasewise:access.operators",
    found: `${operators.join(", ")}, without ${address}, from where this command comes`,
    allowed:
      "ranges that hold the address of whoever runs up: it brings the machines to their settings by SSH",
    fix: `add "${address}/32", or run this from an address that stays inside`,
  };
}

function sameRanges(one: string[], other: string[]): boolean {
  return JSON.stringify([...new Set(one)].sort()) === JSON.stringify([...new Set(other)].sort());
}

/** Our address as a machine sees it; null where none answers, which is then told. */
async function ownAddress({ deployment }: Prepared, ctx: OperationContext): Promise<string | null> {
  try {
    const topology = await readTopology(deployment, ctx);
    const target = sshTarget(topology, topology.machines[0]!);
    const session = await connect(target, { signal: ctx.signal, deadlineMs: askWithin, refusalMs: 0 });
    try {
      const { stdout } = await session.exec('echo "$SSH_CONNECTION"');
      return stdout.split(" ")[0] || null;
    } finally {
      session.close();
    }
  } catch (error) {
    if (ctx.signal.aborted) throw error;
    const reason = messageOf(error).split("\n")[0];
    ctx.onLine(`warning: no machine could say whether access.operators still lets this one in: ${reason}`);
    return null;
  }
}
