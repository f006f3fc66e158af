import type { Cluster, Machine } from "../../topology.ts";
import type { Check, Finding, World } from "../check.ts";
import { membersOf } from "../members.ts";
import { type MemberView, patroniMember } from "../patroni.ts";
import { readSettings, waitingSettings } from "./settings.ts";

/** A restart that somebody has to ask for. */
export interface Pending {
  machine: string;
  /** "PostgreSQL", or a unit's name. */
  what: string;
  /** As "max_connections 100 -> 200". */
  reason: string;
}

export const pendingRestarts: Check = {
  name: "pending-restarts",
  async run(world) {
    return judge(await listPending(world), world.topology.stack);
  },
};

/** They wait because they interrupt clients: nothing is broken, and nothing is done by itself. */
export function judge(pending: Pending[], stack: string): Finding {
  if (pending.length === 0) return { ok: true, detail: "none" };
  const detail = pending.map(({ machine, what, reason }) => `${what} on ${machine} (${reason})`).join("; ");
  return { ok: true, detail, fix: `npx phasewise rollout ${stack} restarts them, one machine at a time` };
}

type Asked = Pick<World, "run" | "sql" | "topology">;

/** All restarts that wait: of PostgreSQL, and of units, which the machines know of. */
export async function listPending(world: Asked): Promise<Pending[]> {
  const { clusters, machines } = world.topology;
  const ofPostgres = clusters.map((cluster) => pendingMembers(world, cluster));
  const ofUnits = machines.map((machine) => pendingUnits(world, machine));
  const found = (await Promise.all([...ofPostgres, ...ofUnits])).flat();
  return found.sort((a, b) => a.machine.localeCompare(b.machine) || a.what.localeCompare(b.what));
}

/**
 * Each member is asked itself: what it writes for the others to see is seconds older. In the first seconds after a
 * change not even the leader knows of it: then what is declared is compared with what runs.
 */
async function pendingMembers(world: Asked, cluster: Cluster): Promise<Pending[]> {
  const machines = membersOf(world.topology, cluster);
  const [views, settings] = await Promise.all([
    Promise.all(machines.map((machine) => patroniMember(world, machine))),
    readSettings(world, cluster),
  ]);
  const waiting = waitingSettings(cluster.parameters, settings);
  return machines.flatMap(({ name }, index) => {
    const view = views[index]!;
    if (!view.pending_restart && !(isLeader(view) && waiting.length > 0)) return [];
    const reason = waiting.length > 0 ? waiting.join(", ") : "a setting has changed";
    return [{ machine: name, what: "PostgreSQL", reason }];
  });
}

function isLeader(view: MemberView): boolean {
  return view.role === "primary" || view.role === "master" || view.role === "leader";
}

/** What the machine's converger noted: units whose files have changed since they started. */
async function pendingUnits(world: Pick<World, "run">, machine: Machine): Promise<Pending[]> {
  const text = await world.run(machine, "cat /var/lib/phasewise/pending.json 2>/dev/null || echo '{}'");
  const noted = JSON.parse(text) as Record<string, { files: Record<string, unknown>; usec: number }>;
  const names = Object.keys(noted);
  if (names.length === 0) return [];
  const shown = await world.run(
    machine,
    `systemctl show -p Id -p ActiveEnterTimestampMonotonic ${names.join(" ")}`,
  );
  const started = startTimes(shown);
  return names
    .filter((name) => (started.get(name) ?? 0) <= noted[name]!.usec)
    .map((name) => ({
      machine: machine.name,
      what: name,
      reason: Object.keys(noted[name]!.files).sort().join(", "),
    }));
}

/** Unit to the microsecond since boot in which it was started. */
export function startTimes(text: string): Map<string, number> {
  const blocks = text.trim().split(/\n\n+/);
  const entries = blocks.map((block) => {
    const fields = new Map(block.split("\n").map((line) => line.split("=", 2) as [string, string]));
    return [fields.get("Id") ?? "", Number(fields.get("ActiveEnterTimestampMonotonic") ?? 0)] as const;
  });
  return new Map(entries);
}
