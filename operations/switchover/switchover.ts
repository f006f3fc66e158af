import { setTimeout as sleep } from "node:timers/promises";
import { visitorOf } from "../../clients/ssh/visitor.ts";
import { Problem } from "../../toolchain/problem.ts";
import type { OperationContext } from "../context.ts";
import { lockStack } from "../deploy/stackLock.ts";
import { Machines } from "../machines.ts";
import { awaitStandby, type ClusterMember, clusterMembers } from "../membership/postgres.ts";
import { type Cluster, readDeployed } from "../topology.ts";
import { placeName } from "../workflow/place.ts";
import { stackStore } from "../workflow/stackStore.ts";
import type { HeldStore } from "../workflow/store.ts";
import { refuseOther } from "../workflow/underWay.ts";
import { chooseStandby, chooseSurvivor } from "./choose.ts";
import { type CutoverTimes, cutOver, liftLeftovers } from "./cutover.ts";
import type { Method } from "./settings.ts";

export interface MoveReport {
  stack: string;
  cluster: string;
  from: string | null;
  to: string;
  seconds: number;
  /** How long clients were held in a planned move; null where nobody held them. */
  times: CutoverTimes | null;
}

export interface MoveOptions {
  /** The standby that is to take over. */
  to?: string | undefined;
  maxStallMs: number;
  /** Who makes a planned move. Left out: `direct`, or `patroni` where a member does not answer. */
  method?: Method | undefined;
  /** Asked before anything is changed. */
  confirm?(move: { from: string | null; to: string; risk: string | null }): Promise<boolean>;
}

/** Moves the primary to a standby as planned: clients wait a moment, no write is lost, no client sees an error. */
export async function switchover(
  stack: string,
  options: MoveOptions,
  ctx: OperationContext,
): Promise<MoveReport> {
  return onCluster(stack, "switchover", ctx, async (machines, cluster, held) => {
    const named = (names: string[]) => names.map((name) => machines.named(name));
    const places = { gateways: named(cluster.gateways), members: named(cluster.members) };
    if (await liftLeftovers(places, machines, ctx)) await standbysBack(machines, cluster, ctx);
    const members = await clusterMembers(machines, cluster);
    const from = members.find((member) => member.leader)?.name;
    if (from === undefined) throw withoutPrimary(stack, cluster.name);
    const to = chooseStandby(cluster.name, members, options.to);
    await confirmed(options, { from, to, risk: null });
    const begin = Date.now();
    held.lost.throwIfAborted();
    const times = await cutOver(
      {
        cluster,
        from: machines.named(from),
        to: machines.named(to),
        ...places,
        maxStallSeconds: options.maxStallMs / 1000,
        method: options.method,
      },
      machines,
      ctx,
    );
    ctx.onLine(`${to} is the primary; waiting until ${from} follows it ...`);
    await awaitStandby(machines, cluster, from, ctx);
    return { stack, cluster: cluster.name, from, to, seconds: secondsSince(begin), times };
  });
}

async function standbysBack(machines: Machines, cluster: Cluster, ctx: OperationContext): Promise<void> {
  for (const { leader, name } of await clusterMembers(machines, cluster)) {
    if (!leader) await awaitStandby(machines, cluster, name, ctx);
  }
}

/** Makes a standby the primary by force, when the primary is lost. Says first what may be lost with it. */
export async function failover(
  stack: string,
  options: MoveOptions,
  ctx: OperationContext,
): Promise<MoveReport> {
  return onCluster(stack, "failover", ctx, async (machines, cluster) => {
    const members = await clusterMembers(machines, cluster);
    const from = members.find((member) => member.leader)?.name ?? null;
    const survivor = chooseSurvivor(cluster.name, members, options.to);
    const to = survivor.name;
    await confirmed(options, { from, to, risk: riskOf(cluster, survivor) });
    const begin = Date.now();
    await (await machines.patroni(machines.named(to))).failover(to);
    await awaitLeader(machines, cluster, to, ctx);
    return { stack, cluster: cluster.name, from, to, seconds: secondsSince(begin), times: null };
  });
}

/** How long a standby may take to become the primary by force (milliseconds). */
const LEADS_WITHIN = 60_000;

async function awaitLeader(
  machines: Machines,
  cluster: Cluster,
  name: string,
  ctx: OperationContext,
): Promise<void> {
  const end = Date.now() + LEADS_WITHIN;
  for (;;) {
    ctx.signal.throwIfAborted();
    const members = await clusterMembers(machines, cluster);
    const leader = members.find((member) => member.leader);
    if (leader?.name === name && leader.state === "running") return;
    if (Date.now() > end) {
      const states = members.map((member) => `${member.name} ${member.state}`).join(", ");
      throw new Error(`${name} does not lead ${cluster.name} after ${LEADS_WITHIN / 1000} s: ${states}`);
    }
    await sleep(500);
  }
}

/** What may be lost with a standby that lacked `lag` bytes when it was last heard of. */
export function riskOf(
  { durability }: Pick<Cluster, "durability">,
  { lag, synchronous }: Pick<ClusterMember, "lag" | "synchronous">,
): string {
  if (synchronous) return "no acknowledged write: it is the synchronous standby";
  if (durability === "sync")
    return "what the primary acknowledged without it: it is not the synchronous standby";
  if (lag === null) return "acknowledged writes, nobody knows how many: the primary does not answer";
  return lag === 0
    ? "acknowledged writes of the last moments, if there were any"
    : `about ${lag} bytes of acknowledged writes that it has not received`;
}

async function onCluster(
  stack: string,
  command: "switchover" | "failover",
  ctx: OperationContext,
  work: (machines: Machines, cluster: Cluster, held: HeldStore) => Promise<MoveReport>,
): Promise<MoveReport> {
  await using _lock = await lockStack(stack, command);
  const { topology } = await readDeployed(stack, ctx);
  await using machines = new Machines(topology, ctx);
  const cluster = topology.clusters[0]!;
  const store = stackStore(machines, ctx, await placeName(stack));
  await using held = await store.lock(`${command} ${stack} (${visitorOf().from})`);
  const journal = await store.read();
  if (command === "switchover") {
    refuseOther(stack, "promote", journal);
    if (journal) throw promotionUnderWay(stack);
  }
  return await work(machines, cluster, held);
}

async function confirmed(
  { confirm }: MoveOptions,
  move: { from: string | null; to: string; risk: string | null },
): Promise<void> {
  if (!confirm || (await confirm(move))) return;
  throw new Problem({ happened: "Not confirmed.", left: "Nothing was changed.", exitCode: 130 });
}

function withoutPrimary(stack: string, cluster: string): Problem {
  return new Problem({
    happened: `${cluster} has no primary: there is nobody to take over from.`,
    left: "Nothing was changed.",
    todo: [
      "Patroni chooses a new one within half a minute where it can.",
      `npx phasewise failover ${stack}   makes a standby the primary by force`,
    ],
  });
}

function promotionUnderWay(stack: string): Problem {
  return new Problem({
    happened: `A promotion of ${stack} is under way: it moves the primary itself.`,
    left: "Nothing was changed.",
    todo: [`npx phasewise promote ${stack} --resume, or --abort`],
    exitCode: 2,
  });
}

function secondsSince(begin: number): number {
  return Math.round((Date.now() - begin) / 100) / 10;
}
