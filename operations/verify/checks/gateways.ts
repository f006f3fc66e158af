import type { Cluster, Machine } from "../../topology.ts";
import { type Check, combine, type Finding, type World } from "../check.ts";
import { leaderOf } from "../patroni.ts";
import { type ConsoleRow, parseCsv } from "./pooler.ts";

/** Whether each gateway leads to the primary, and to it alone. */
export const gateways: Check = {
  name: "gateways",
  async run(world) {
    const { clusters, machines, stack } = world.topology;
    const findings = clusters.flatMap((cluster) =>
      machines
        .filter((machine) => cluster.gateways.includes(machine.name))
        .map(async (machine) => {
          const [leader, rows] = await Promise.all([leaderOf(world, cluster), proxyRows(world, machine)]);
          return judge(machine.name, cluster, leader.name, rows, stack);
        }),
    );
    return combine(await Promise.all(findings));
  },
};

/** HAProxy's own table. */
export async function proxyRows(world: Pick<World, "run">, machine: Machine): Promise<ConsoleRow[]> {
  const lines = [
    "import socket",
    "s = socket.socket(socket.AF_UNIX)",
    's.connect("/run/haproxy.sock")',
    's.sendall(b"show stat\\n")',
    'print(b"".join(iter(lambda: s.recv(65536), b"")).decode())',
  ];
  return parseCsv((await world.run(machine, `python3 -c '${lines.join("\n")}'`)).replace(/^# /, ""));
}

/** @param rows What HAProxy's `show stat` says. */
export function judge(
  machine: string,
  { members }: Pick<Cluster, "members">,
  leader: string,
  rows: ConsoleRow[],
  stack: string,
): Finding {
  const up = (backend: string) =>
    rows
      .filter(
        (row) => row.pxname === backend && members.includes(row.svname ?? "") && /^UP/.test(row.status ?? ""),
      )
      .map((row) => row.svname!);
  const primaries = up("primary");
  const standbys = up("replicas");
  if (primaries.length === 1 && primaries[0] === leader) {
    const readers = standbys.length > 0 ? `, reads to ${standbys.join(", ")}` : "";
    return { ok: true, detail: `${machine}: writes go to ${leader}${readers}` };
  }
  const found = primaries.length === 0 ? "nowhere" : `to ${primaries.join(" and ")}`;
  return {
    ok: false,
    detail: `${machine}: writes go ${found}, the primary is ${leader}`,
    fix: `npx phasewise logs ${stack} --unit haproxy tells why; a second ago the primary may have been another one: verify again`,
  };
}
