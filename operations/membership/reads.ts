import { READS } from "../../roles/pgbouncerConfiguration.ts";
import type { OperationContext } from "../context.ts";
import { isUnreachable, type Machines } from "../machines.ts";
import type { Cluster } from "../topology.ts";
import { proxyCommand } from "./proxy.ts";

/** How long reads that have begun on a standby are waited for before it ends (seconds). */
const READS_END_WITHIN = 60;

/**
 * Leads reads away from a standby that is about to end: every gateway gives it no new ones, and those that have begun
 * there are waited for, a minute at most. Where it was the last standby, the primary serves them. Lasts until the
 * gateway's HAProxy is reloaded, or `openReads`.
 */
export async function drainReads(
  machines: Machines,
  cluster: Cluster,
  name: string,
  ctx: OperationContext,
): Promise<void> {
  const console = `psql -h ${READS.socket} -p ${READS.port} -U postgres -d pgbouncer -qX -c`;
  const answers = await onGateways(machines, cluster, ctx, [
    "set -e",
    readsOf(name, "drain"),
    // Each connection to a standby is closed as soon as its transaction has ended; the next goes elsewhere.
    `${console} RECONNECT`,
    `timeout ${READS_END_WITHIN} ${console} WAIT_CLOSE || echo still`,
  ]);
  for (const { answer, gateway } of answers) {
    if (answer.includes("still"))
      ctx.onLine(`  ${gateway}: reads have been going on for ${READS_END_WITHIN} s: they are cut off`);
  }
}

/** Lets reads come to a standby again. */
export async function openReads(
  machines: Machines,
  cluster: Cluster,
  name: string,
  ctx: OperationContext,
): Promise<void> {
  await onGateways(machines, cluster, ctx, [readsOf(name, "ready")]);
}

/** A gateway that does not answer leads nobody anywhere. */
async function onGateways(
  machines: Machines,
  cluster: Cluster,
  ctx: OperationContext,
  commands: string[],
): Promise<{ gateway: string; answer: string }[]> {
  const asked = cluster.gateways.map(async (gateway) => {
    try {
      return [{ gateway, answer: await machines.run(machines.named(gateway), commands.join("\n")) }];
    } catch (error) {
      if (!isUnreachable(error)) throw error;
      ctx.onLine(`  ${gateway} does not answer`);
      return [];
    }
  });
  return (await Promise.all(asked)).flat();
}

function readsOf(member: string, state: "drain" | "ready"): string {
  return proxyCommand(`set server replicas/${member} state ${state}`);
}
