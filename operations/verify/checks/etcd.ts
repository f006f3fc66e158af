import { type Check, combine, type Finding, type World } from "../check.ts";
import { firstOf } from "../patroni.ts";

/** One line of `etcdctl endpoint health --cluster -w json`. */
export interface EndpointHealth {
  endpoint: string;
  health: boolean;
  took: string;
  error?: string;
}

/** What `etcdctl member list -w json` says. */
export interface MemberList {
  members: { name?: string; isLearner?: boolean }[];
}

/** What one member sees of the store. */
export interface StoreView {
  health: EndpointHealth[];
  list: MemberList;
  /** What `etcdctl alarm list` prints; nothing where there is none. */
  alarms: string;
}

const tls = "/etc/phasewise/tls/root";
const etcdctl = `ETCDCTL_API=3 etcdctl --endpoints=https://127.0.0.1:2379 --cacert=${tls}/ca.pem --cert=${tls}/node.pem --key=${tls}/node.key`;

export const etcd: Check = {
  name: "etcd",
  async run(world) {
    const { consensus, machines, stack } = world.topology;
    const voters = machines.filter((machine) => consensus.members.includes(machine.name));
    return judge(consensus.members, await firstOf(voters, (machine) => look(world, machine)), stack);
  },
};

async function look(world: World, machine: World["topology"]["machines"][number]): Promise<StoreView> {
  // An unhealthy member makes it end with code 1 and say which one on standard output.
  const [health, list, alarms] = await Promise.all([
    world.run(machine, `${etcdctl} endpoint health --cluster -w json 2>/dev/null || true`),
    world.run(machine, `${etcdctl} member list -w json`),
    world.run(machine, `${etcdctl} alarm list`),
  ]);
  return { health: JSON.parse(health || "[]"), list: JSON.parse(list), alarms: alarms.trim() };
}

/** @param declared Names of the members with a vote. */
export function judge(declared: string[], { health, list, alarms }: StoreView, stack: string): Finding {
  const healthy = health.filter((member) => member.health).length;
  const sick = health
    .filter((member) => !member.health)
    .map((member) => `, ${member.endpoint}: ${member.error ?? "no answer"}`);
  const names = list.members.map((member) => member.name || "a member that never started");
  const faults = [
    ...(healthy >= declared.length
      ? []
      : [`${healthy} of ${declared.length} members healthy${sick.join("")}`]),
    ...declared.filter((name) => !names.includes(name)).map((name) => `${name} is no member`),
    ...names.filter((name) => !declared.includes(name)).map((name) => `${name} is there and not declared`),
    ...list.members
      .filter((member) => member.isLearner)
      .map((member) => `${member.name || "a member"} is a learner and has no vote`),
    ...(alarms === "" ? [] : [`alarm: ${alarms}`]),
  ];
  if (faults.length === 0) return { ok: true, detail: `${healthy} of ${declared.length} members healthy` };
  const fix = `npx phasewise logs ${stack} --unit etcd tells why`;
  return combine(faults.map((detail) => ({ ok: false, detail, fix })));
}
