import { type BackupState, newestBackup } from "../../../roles/backupInfo.ts";
import { backupInfoCommand, backupUnit } from "../../../roles/pgbackrest.ts";
import type { Cluster } from "../../topology.ts";
import { type Check, combine, type Finding, type World } from "../check.ts";

/** A backup is made each day; two hours are left for making it. */
const oldestHours = 26;
/** In its first hour a cluster may still be making its first one. */
const firstHour = 3_600_000;

export const backup: Check = {
  name: "backup",
  async run(world) {
    const findings = world.topology.clusters.map(async (cluster) => judge(await inspect(world, cluster)));
    return combine(await Promise.all(findings));
  },
};

/** What is known of a cluster's backups. */
export interface Inspection {
  cluster: string;
  state: BackupState;
  /** When the cluster was made. */
  made: Date;
  now: Date;
  stack: string;
}

async function inspect(world: World, cluster: Cluster): Promise<Inspection> {
  const machine = world.topology.machines.find((one) => cluster.members.includes(one.name))!;
  const units = [backupUnit("full"), backupUnit("diff")].join(" ");
  const identifier = "SELECT system_identifier >> 32 FROM pg_control_system()";
  const [info, active, second] = await Promise.all([
    world.run(machine, backupInfoCommand(cluster.backupStanza)),
    world.run(machine, `systemctl is-active ${units} || true`),
    world.run(machine, `runuser -u postgres -- psql -XAtq -d postgres -c '${identifier}'`),
  ]);
  const state = newestBackup(info, cluster.backupStanza);
  return {
    cluster: cluster.name,
    state: { ...state, running: state.running || active.includes("activating") },
    // The upper half of the identifier is the second in which the cluster was made (xlog.c, BootStrapXLOG).
    made: new Date(Number(second.trim()) * 1000),
    now: world.now,
    stack: world.topology.stack,
  };
}

export function judge({ cluster, state, made, now, stack }: Inspection): Finding {
  const fix = `npx phasewise backup ${stack} makes one now`;
  if (!state.finishedAt) {
    if (!state.running) return { ok: false, detail: `${cluster}: there is no backup (${state.status})`, fix };
    if (now.getTime() - made.getTime() < firstHour)
      return { ok: true, detail: `${cluster}: the first one is being made` };
    return {
      ok: false,
      detail: `${cluster}: the first one has been in the making for more than an hour`,
      fix,
    };
  }
  const hours = (now.getTime() - state.finishedAt.getTime()) / 3_600_000;
  const age = hours < 1 ? `${Math.round(hours * 60)} minutes` : `${Math.round(hours)} hours`;
  const size = `${((state.bytes ?? 0) / 1024 / 1024).toFixed(0)} MB`;
  const detail = `${cluster}: ${state.label}, ${size}, ${age} old`;
  if (state.status !== "ok")
    return { ok: false, detail: `${detail}; the repository says: ${state.status}`, fix };
  return hours <= oldestHours ? { ok: true, detail } : { ok: false, detail, fix };
}
