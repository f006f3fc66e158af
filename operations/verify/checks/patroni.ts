import { type Check, combine, type Finding } from "../check.ts";
import { type ClusterView, patroniCluster } from "../patroni.ts";

/** A standby that is further behind than this is no safe successor (bytes). */
const tolerableLag = 64 * 1024 * 1024;

export const patroni: Check = {
  name: "patroni",
  async run(world) {
    const { topology } = world;
    const findings = topology.clusters.map(async (cluster) => {
      const machine = topology.machines.find((one) => cluster.members.includes(one.name))!;
      return judge(cluster, await patroniCluster(world, machine), topology.stack);
    });
    return combine(await Promise.all(findings));
  },
};

export function judge(
  cluster: { name: string; members: string[] },
  view: ClusterView,
  stack: string,
): Finding {
  const leader = view.members.find((member) => member.role === "leader");
  const faults = [
    ...(leader ? [] : ["no leader"]),
    ...cluster.members.flatMap((name) => memberFault(name, view)),
    ...(view.pause ? ["Patroni is paused: it would not fail over"] : []),
  ];
  if (faults.length > 0) {
    return {
      ok: false,
      detail: `${cluster.name}: ${faults.join("; ")}`,
      fix: view.pause
        ? "patronictl resume on one of its machines"
        : `npx phasewise logs ${stack} --unit patroni tells why`,
    };
  }
  return {
    ok: true,
    detail: `${cluster.name}: ${leader!.name} leads, ${view.members.length} of ${cluster.members.length} members run, timeline ${leader!.timeline}`,
  };
}

function memberFault(name: string, view: ClusterView): string[] {
  const member = view.members.find((one) => one.name === name);
  if (!member) return [`${name} is no member`];
  if (member.state !== "running" && member.state !== "streaming") return [`${name} is ${member.state}`];
  const lag = typeof member.lag === "number" ? member.lag : 0;
  return lag > tolerableLag ? [`${name} is ${Math.round(lag / 1024 / 1024)} MB behind`] : [];
}
