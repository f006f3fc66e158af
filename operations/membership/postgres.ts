import { setTimeout as sleep } from "node:timers/promises";
import { quote } from "../../clients/ssh/quote.ts";
import { BACKUP_NUMBERS, WATCH_UNIT } from "../../roles/backupUnits.ts";
import { DUMP_TIMER } from "../../roles/dump.ts";
import { POSTGRES_SOCKET, postgresData } from "../../roles/paths.ts";
import { PATRONI_NAMESPACE } from "../../roles/patroniConfiguration.ts";
import { messageOf } from "../../toolchain/problem.ts";
import type { OperationContext } from "../context.ts";
import type { Machines } from "../machines.ts";
import type { Cluster, Machine } from "../topology.ts";

/** One member as Patroni sees it. */
export interface ClusterMember {
  name: string;
  leader: boolean;
  /** Whether Patroni has written down that it has every acknowledged write, and may lead; with `durability: sync`. */
  synchronous: boolean;
  state: string;
  /** Bytes behind the leader; null where nobody can tell. */
  lag: number | null;
  timeline: number | null;
}

/** A standby that is no further behind can take over at any time (bytes). */
const NEAR = 16 * 1024 ** 2;
const PAUSE = 1000;
/** A standby that shows no sign of life for so long is given up (milliseconds). */
const NO_PROGRESS = 180_000;
/** How long Patroni may take to drop the slot of a member that is gone (milliseconds). */
const SLOT_GONE_WITHIN = 60_000;

export function isStreaming(member: ClusterMember): boolean {
  return !member.leader && member.state === "streaming" && member.lag !== null && member.lag <= NEAR;
}

/** The members that Patroni knows, asked of the first machine that answers. */
export async function clusterMembers(machines: Machines, cluster: Cluster): Promise<ClusterMember[]> {
  const reasons: string[] = [];
  for (const name of cluster.members) {
    try {
      const { members } = await (await machines.patroni(machines.named(name))).cluster();
      return members.map((member) => ({
        name: member.name,
        leader: member.role === "leader",
        synchronous: member.role === "sync_standby",
        state: member.state,
        lag: typeof member.lag === "number" ? member.lag : null,
        timeline: member.timeline ?? null,
      }));
    } catch (error) {
      reasons.push(`${name}: ${messageOf(error).split("\n")[0]}`);
    }
  }
  throw new Error(`no Patroni of ${cluster.name} answers: ${reasons.join("; ")}`);
}

export async function leaderOf(machines: Machines, cluster: Cluster): Promise<Machine | null> {
  const leader = (await clusterMembers(machines, cluster)).find((member) => member.leader);
  return leader ? machines.named(leader.name) : null;
}

/**
 * Waits until a standby has copied the data and streams. It may take hours: it is given up only when nothing has moved
 * for three minutes.
 */
export async function awaitStandby(
  machines: Machines,
  cluster: Cluster,
  name: string,
  ctx: OperationContext,
): Promise<void> {
  let last = { text: "", since: Date.now() };
  for (;;) {
    ctx.signal.throwIfAborted();
    const members = await clusterMembers(machines, cluster);
    const own = members.find((member) => member.name === name);
    if (own && isStreaming(own)) return;
    const text = own ? await progressOf(machines, cluster, own) : "not seen yet";
    if (text !== last.text) {
      ctx.onLine(`  ${name}: ${text}`);
      last = { text, since: Date.now() };
    }
    if (Date.now() - last.since > NO_PROGRESS) {
      const journal = await machines.run(machines.named(name), JOURNAL).catch(messageOf);
      throw new Error(`${name} does not become a standby: ${text}\n${journal.trim()}`);
    }
    await sleep(PAUSE);
  }
}

const JOURNAL = "journalctl -u patroni.service -n 10 --no-pager -o cat";

async function progressOf(machines: Machines, cluster: Cluster, member: ClusterMember): Promise<string> {
  if (member.state !== "creating replica") {
    return member.lag === null ? member.state : `${member.state}, ${megabytes(member.lag)} MB behind`;
  }
  const leader = await leaderOf(machines, cluster);
  if (!leader) return "waiting for a leader";
  const answer = await sql(
    machines,
    leader,
    "SELECT backup_streamed FROM pg_stat_progress_basebackup LIMIT 1",
  );
  return answer === "" ? "begins to copy" : `${megabytes(Number(answer))} MB copied`;
}

function megabytes(bytes: number): string {
  return (bytes / 1024 ** 2).toFixed(0);
}

/** Runs one statement as the superuser of the PostgreSQL on a machine. */
export async function sql(machines: Machines, machine: Machine, statement: string): Promise<string> {
  const psql = `psql -qXAt -h ${POSTGRES_SOCKET} -d postgres -v ON_ERROR_STOP=1 -f -`;
  return (await machines.run(machine, `runuser -u postgres -- ${psql}`, `${statement};\n`)).trim();
}

/**
 * Ends PostgreSQL on a machine that is no primary and deletes its copy of the data. Its slot goes too: until then the
 * primary would keep all log for it.
 */
export async function retire(machines: Machines, cluster: Cluster, machine: Machine): Promise<void> {
  const leader = await leaderOf(machines, cluster);
  if (leader?.name === machine.name) throw new Error(`${machine.name} is the primary of ${cluster.name}`);
  await machines.run(
    machine,
    `${NO_DUMPS}; systemctl disable --now ${UNITS} 2>&1; rm -f ${BACKUP_NUMBERS}; ${IS_ENDED}`,
  );
  await forgetMember(machines, cluster, machine.name);
  await machines.run(machine, `rm -rf --one-file-system ${quote(postgresData(cluster.postgresVersion))}`);
}

/** Makes a cluster forget a member that has ended: what it last said of itself, and its slot. */
export async function forgetMember(machines: Machines, cluster: Cluster, name: string): Promise<void> {
  const key = `${PATRONI_NAMESPACE}${cluster.name}/members/${name}`;
  // It would stay until its lease ends, and the slot with it.
  await machines.anyEtcd((etcd) => etcd.put(key, null, []));
  const leader = await leaderOf(machines, cluster);
  if (leader) await withoutSlot(machines, leader, slotOf(name));
}

/**
 * Everything on a machine that works on its PostgreSQL, and on the repository: nobody brings that one's next keys here.
 */
const UNITS = [
  ...["full", "diff", "verify", "watch"].map((name) => `phasewise-backup-${name}.timer`),
  WATCH_UNIT,
  "patroni.service",
].join(" ");
/** Only some stacks have them, and systemd refuses units that are not there. */
const NO_DUMPS = `if systemctl cat ${DUMP_TIMER} > /dev/null 2>&1; then systemctl disable --now ${DUMP_TIMER} 2>&1; fi`;
const IS_ENDED =
  "! systemctl is-active --quiet patroni.service && ! pgrep -u postgres -x postgres > /dev/null";

export async function isRetired(machines: Machines, cluster: Cluster, machine: Machine): Promise<boolean> {
  const data = quote(`${postgresData(cluster.postgresVersion)}/PG_VERSION`);
  const answer = await machines.run(machine, `if [ ! -e ${data} ] && ${IS_ENDED}; then echo yes; fi`);
  return answer.trim() === "yes";
}

/** As Patroni names the slot of a member. */
function slotOf(member: string): string {
  return member.replaceAll("-", "_");
}

/**
 * Patroni keeps a member's slot for half an hour after it was seen last, and makes it anew where somebody else drops
 * it. Told to keep none, it drops this one; then it is told to forget that.
 */
async function withoutSlot(machines: Machines, leader: Machine, slot: string): Promise<void> {
  const patroni = await machines.patroni(leader);
  await patroni.patchConfiguration({ member_slots_ttl: 0 });
  try {
    const end = Date.now() + SLOT_GONE_WITHIN;
    const count = `SELECT count(*) FROM pg_replication_slots WHERE slot_name = '${slot}'`;
    while ((await sql(machines, leader, count)) !== "0") {
      if (Date.now() > end) throw new Error(`the slot ${slot} on ${leader.name} is still there`);
      await sleep(PAUSE);
    }
  } finally {
    await patroni.patchConfiguration({ member_slots_ttl: null });
  }
}
