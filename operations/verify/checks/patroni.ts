import type { Cluster } from "../../topology.ts";
import { type Check, combine, type Finding } from "../check.ts";
import { type ClusterView, clusterView } from "../patroni.ts";

/** A standby that is further behind than this is no safe successor (bytes). */
const tolerableLag = 64 * 1024 * 1024;

type View = ClusterView["members"][number];

export const patroni: Check = {
  name: "patroni",
  async run(world) {
    const { topology } = world;
    const findings = topology.clusters.map(async (cluster) =>
      judge(cluster, await clusterView(world, cluster), topology.stack),
    );
    return combine(await Promise.all(findings));
  },
};

export function judge(
  cluster: Pick<Cluster, "name" | "members" | "durability">,
  view: ClusterView,
  stack: string,
): Finding {
  const leaders = view.members.filter((member) => member.role === "leader");
  const [leader] = leaders;
  const faults = [
    ...(leader ? [] : ["no leader"]),
    ...(leaders.length > 1
      ? [`${leaders.length} leaders: ${leaders.map(({ name }) => name).join(", ")}`]
      : []),
    ...cluster.members.flatMap((name) => memberFault(name, view, leader)),
    ...view.members
      .filter(({ name }) => !cluster.members.includes(name))
      .map(({ name }) => `${name} is a member that is not declared`),
    ...durabilityFault(cluster, view),
    ...(view.pause ? ["Patroni is paused: it would not fail over"] : []),
  ];
  if (faults.length > 0) {
    return {
      ok: false,
      detail: `${cluster.name}: ${faults.join("; ")}`,
      fix: fixOf(cluster, view, stack),
    };
  }
  const synchronous = view.members.find((member) => member.role === "sync_standby");
  return {
    ok: true,
    detail: `${cluster.name}: ${leader!.name} leads, ${view.members.length} of ${cluster.members.length} members run, timeline ${leader!.timeline}${synchronous ? `, ${synchronous.name} has every acknowledged write` : ""}`,
  };
}

function fixOf(cluster: Pick<Cluster, "members" | "durability">, view: ClusterView, stack: string): string {
  if (view.pause) return "patronictl resume on one of its machines";
  const led = view.members.some(({ role }) => role === "leader");
  // Patroni promotes none of them, for as long as it takes, and its log says only that none is the healthiest.
  if (!led && durabilityFault(cluster, view).length > 0) {
    return `bring back the machines that are away: nobody who is there is known to have every acknowledged write; npx phasewise failover ${stack} gives up what only they have`;
  }
  return `npx phasewise logs ${stack} --unit patroni tells why`;
}

function memberFault(name: string, view: ClusterView, leader: View | undefined): string[] {
  const member = view.members.find((one) => one.name === name);
  if (!member) return [`${name} is no member`];
  if (member.role === "leader") return member.state === "running" ? [] : [`${name} is ${member.state}`];
  if (member.state !== "streaming") return [`${name} does not stream from the leader, it is ${member.state}`];
  if (leader && member.timeline !== leader.timeline) {
    return [`${name} is on timeline ${member.timeline}, ${leader.name} on ${leader.timeline}`];
  }
  const lag = typeof member.lag === "number" ? member.lag : 0;
  return lag > tolerableLag ? [`${name} is ${Math.round(lag / 1024 / 1024)} MB behind`] : [];
}

/** One member alone has nobody who could have its writes: nothing is missing there. */
function durabilityFault(
  { durability, members }: Pick<Cluster, "durability" | "members">,
  view: ClusterView,
) {
  if (durability === "async" || members.length === 1) return [];
  const synchronous = view.members.some((member) => member.role === "sync_standby");
  return synchronous ? [] : ["no synchronous standby: the primary's disk alone has new writes"];
}
