import { setTimeout as sleep } from "node:timers/promises";
import { EtcdError, type EtcdMember } from "../../clients/etcd.ts";
import { PORTS } from "../../roles/paths.ts";
import { messageOf } from "../../toolchain/problem.ts";
import type { OperationContext } from "../context.ts";
import type { Machines } from "../machines.ts";
import type { Machine } from "../topology.ts";

/** How long a new member may take to start, copy and get its vote (milliseconds); etcd's data is some megabytes. */
const JOIN_WITHIN = 180_000;
const PAUSE = 500;

/** One etcd member, by its machine's name; by its address where no machine of the stack has it. */
export interface NamedMember {
  name: string;
  id: string;
  learner: boolean;
}

export function peerUrl(machine: Machine): string {
  return `https://${machine.privateAddress}:${PORTS.etcdPeer}`;
}

/** A member that has not started yet has no name: it is known by the address at which it will be. */
export function namedMembers(members: EtcdMember[], machines: Machine[]): NamedMember[] {
  return members.map(({ id, learner, name, peerUrls }) => {
    const machine = machines.find((each) => peerUrls.includes(peerUrl(each)));
    return { name: machine?.name ?? (name || peerUrls.join(", ")), id, learner };
  });
}

export async function etcdMembers(machines: Machines): Promise<NamedMember[]> {
  return namedMembers(await machines.anyEtcd((etcd) => etcd.members()), machines.topology.machines);
}

/**
 * Gives a machine a vote: it is added as a learner, copies, and is promoted as soon as etcd lets it. Anything of that
 * may have been done before.
 */
export async function addVoter(machines: Machines, name: string, ctx: OperationContext): Promise<void> {
  const machine = machines.named(name);
  const begin = Date.now();
  let shown = 0;
  for (;;) {
    ctx.signal.throwIfAborted();
    const members = await etcdMembers(machines);
    const own = members.find((member) => member.name === name);
    if (own && !own.learner) return;
    // The others are asked: one that has no vote yet answers no such question.
    const others = members
      .filter((member) => member.name !== name && !member.learner)
      .map(({ name }) => name);
    const reason = await refusal(() =>
      machines.anyEtcd(
        (etcd) => (own ? etcd.promoteMember(own.id) : etcd.addLearner(peerUrl(machine))),
        others,
      ),
    );
    if (reason === null) continue;
    const seconds = Math.floor((Date.now() - begin) / 1000);
    if (Date.now() - begin > JOIN_WITHIN) {
      throw new Error(`${name} has no vote in etcd after ${seconds} s: ${reason}`);
    }
    if (seconds >= shown + 5) ctx.onLine(`  ${name}: ${reason} (${seconds} s)`);
    if (seconds >= shown + 5) shown = seconds;
    await sleep(PAUSE);
  }
}

/** What etcd says no with while it is not ready for a change; null where it said yes. */
async function refusal(ask: () => Promise<void>): Promise<string | null> {
  try {
    await ask();
    return null;
  } catch (error) {
    if (error instanceof EtcdError) return messageOf(error);
    throw error;
  }
}

/** Takes a machine's vote, or its place as a learner; where it has none, nothing is done. */
export async function removeVoter(machines: Machines, name: string): Promise<void> {
  const members = await etcdMembers(machines);
  const own = members.find((member) => member.name === name);
  if (!own) return;
  const others = members.filter((member) => member.name !== name && !member.learner);
  if (others.length === 0) throw new Error(`${name} has the only vote in etcd`);
  await machines.anyEtcd(
    (etcd) => etcd.removeMember(own.id),
    others.map((member) => member.name),
  );
}

/** Ends etcd on a machine: one that has no place any more would start again and again. */
export async function endEtcd(machines: Machines, machine: Machine): Promise<void> {
  await machines.run(machine, "systemctl disable --now etcd.service 2>&1");
}
