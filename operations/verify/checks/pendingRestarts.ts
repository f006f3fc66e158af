import type { Machine } from "../../topology.ts";
import type { Check, Finding, World } from "../check.ts";
import { patroniCluster } from "../patroni.ts";

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

/** All restarts that wait: of PostgreSQL, which Patroni knows of, and of units, which the machines know of. */
export async function listPending(world: Pick<World, "run" | "topology">): Promise<Pending[]> {
  const { topology } = world;
  const ofPostgres = topology.clusters.map(async (cluster) => {
    const machine = topology.machines.find((one) => cluster.members.includes(one.name))!;
    const view = await patroniCluster(world, machine);
    return view.members
      .filter((member) => member.pending_restart)
      .map((member) => ({
        machine: member.name,
        what: "PostgreSQL",
        reason: reasonOf(member.pending_restart_reason),
      }));
  });
  const ofUnits = topology.machines.map((machine) => pendingUnits(world, machine));
  const found: Pending[][] = await Promise.all([...ofPostgres, ...ofUnits]);
  return combineLists(found);
}

function combineLists(lists: Pending[][]): Pending[] {
  return lists.flat().sort((a, b) => a.machine.localeCompare(b.machine) || a.what.localeCompare(b.what));
}

function reasonOf(reasons: Record<string, { old_value: string; new_value: string }> = {}): string {
  const parts = Object.entries(reasons).map(
    ([name, { old_value, new_value }]) => `${name} ${old_value} -> ${new_value}`,
  );
  return parts.length > 0 ? parts.join(", ") : "a setting has changed";
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
