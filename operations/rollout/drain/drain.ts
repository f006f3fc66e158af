import { setTimeout as sleep } from "node:timers/promises";
import type { HetznerAccess } from "../../../clients/hetzner.ts";
import { Problem } from "../../../toolchain/problem.ts";
import type { OperationContext } from "../../context.ts";
import type { Machines } from "../../machines.ts";
import type { Machine } from "../../topology.ts";
import { balancersOf, sendsTo } from "./balancers.ts";
import { SEND_AWAY } from "./poolers.ts";
import { closePorts, countConnections, OPEN_PORTS } from "./ports.ts";

/** A load balancer asks twice, every ten seconds at most; it may be late (milliseconds). */
const NOTICED_WITHIN = 90_000;
/** How long the machine's work itself may take before its ports open by themselves (seconds). */
const WORK_WITHIN = 1800;

export interface DrainOptions {
  access: HetznerAccess;
  /** How long clients may stay that leave by themselves, in seconds. */
  drainSeconds: number;
}

/** Ports on which load balancers reach a machine. */
export function portsOf(machines: Machines, machine: Machine): number[] {
  return [...new Set(balancersOf(machines.topology, machine).flatMap(({ targetPorts }) => targetPorts))];
}

/**
 * Leads clients away from a machine behind load balancers: its checks fail, so they send nobody any more; who is
 * connected stays until it leaves by itself, or the time for that is over. Then it is sent away between two
 * transactions.
 */
export async function drainClients(
  machines: Machines,
  machine: Machine,
  { access, drainSeconds }: DrainOptions,
  ctx: OperationContext,
): Promise<void> {
  const ports = portsOf(machines, machine);
  await machines.run(machine, closePorts(ports, WORK_WITHIN));
  const end = Date.now() + NOTICED_WITHIN;
  for (const balancer of balancersOf(machines.topology, machine)) {
    while (await sendsTo(access, balancer, machine)) {
      ctx.signal.throwIfAborted();
      if (Date.now() > end) throw unnoticed(balancer.name, machine.name);
      await sleep(500);
    }
  }
  const left = await gone(machines, machine, countConnections(ports), drainSeconds * 1000, ctx);
  if (left === 0 || !machine.roles.includes("pgbouncer")) return;
  ctx.onLine(`  ${machine.name}: ${left} connections are still held; ending them between two transactions`);
  await machines.run(machine, SEND_AWAY);
}

export async function undrainClients(machines: Machines, machine: Machine): Promise<void> {
  await machines.run(machine, OPEN_PORTS);
}

/** Waits until a count is 0, or the time is over. @returns The last count. */
async function gone(
  machines: Machines,
  machine: Machine,
  count: string,
  withinMs: number,
  ctx: OperationContext,
): Promise<number> {
  const begin = Date.now();
  let told = 0;
  for (;;) {
    ctx.signal.throwIfAborted();
    const left = Number(await machines.run(machine, count));
    if (left === 0 || Date.now() - begin > withinMs) return left;
    const seconds = Math.floor((Date.now() - begin) / 1000);
    if (seconds >= told + 10) {
      ctx.onLine(`  ${machine.name}: ${left} connections are still open (${seconds} s)`);
      told = seconds;
    }
    await sleep(500);
  }
}

function unnoticed(balancer: string, machine: string): Problem {
  return new Problem({
    happened: `The load balancer ${balancer} still sends clients to ${machine}, ${NOTICED_WITHIN / 1000} s after it was closed to them.`,
    todo: ["Look at its health checks at Hetzner."],
  });
}
