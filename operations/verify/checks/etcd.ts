import { type Check, combine, type Finding } from "../check.ts";

/** One line of `etcdctl endpoint health --cluster -w json`. */
export interface EndpointHealth {
  endpoint: string;
  health: boolean;
  took: string;
  error?: string;
}

const tls = "/etc/phasewise/tls/root";
const etcdctl = `ETCDCTL_API=3 etcdctl --endpoints=https://127.0.0.1:2379 --cacert=${tls}/ca.pem --cert=${tls}/node.pem --key=${tls}/node.key`;

export const etcd: Check = {
  name: "etcd",
  async run(world) {
    const { topology } = world;
    const members = topology.machines.filter((machine) => machine.roles.includes("etcd"));
    const first = members[0];
    if (!first)
      return { ok: false, detail: "no machine has the role etcd", fix: `npx phasewise up ${topology.stack}` };
    // An unhealthy member makes it end with code 1 and say which one on standard output.
    const [health, alarms] = await Promise.all([
      world.run(first, `${etcdctl} endpoint health --cluster -w json 2>/dev/null || true`),
      world.run(first, `${etcdctl} alarm list`),
    ]);
    const list = JSON.parse(health || "[]") as EndpointHealth[];
    return judge(members.length, list, alarms.trim(), topology.stack);
  },
};

/** @param alarms What `etcdctl alarm list` prints; nothing where there is none. */
export function judge(declared: number, health: EndpointHealth[], alarms: string, stack: string): Finding {
  const sick = health.filter((member) => !member.health);
  const healthy = health.length - sick.length;
  const logs = `npx phasewise logs ${stack} --unit etcd tells why`;
  return combine([
    healthy >= declared
      ? { ok: true, detail: `${healthy} of ${declared} members healthy` }
      : {
          ok: false,
          detail: `${healthy} of ${declared} members healthy${sick.map((member) => `, ${member.endpoint}: ${member.error ?? "no answer"}`).join("")}`,
          fix: logs,
        },
    ...(alarms === "" ? [] : [{ ok: false, detail: `alarm: ${alarms}`, fix: logs }]),
  ]);
}
