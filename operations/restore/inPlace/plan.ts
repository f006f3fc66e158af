import { backupInfoCommand } from "../../../roles/pgbackrest.ts";
import { messageOf, Problem } from "../../../toolchain/problem.ts";
import type { OperationContext } from "../../context.ts";
import type { Machines } from "../../machines.ts";
import { sql } from "../../membership/postgres.ts";
import type { Cluster, Machine } from "../../topology.ts";
import type { Journal } from "../../workflow/journal.ts";
import { type ChosenRepository, chooseRepository } from "../repositories.ts";
import { type Backup, chooseBackup, parseRepository } from "../repository.ts";
import { openStore, readPoints } from "../store.ts";
import { parseTarget, recoverySettings, type Target, targetText } from "../target.ts";
import { momentOf, readBranches, timelineTo } from "../timelines.ts";
import { clusterFacts, memberFacts } from "./facts.ts";
import { inPlaceFaults } from "./faults.ts";
import { listOld, type OldData } from "./kept.ts";
import type { RestoreRequest } from "./request.ts";
import { inTheWay } from "./task.ts";

export interface InPlaceAsked {
  /** As `parseTarget` wants it; left out where `back` is given. */
  to?: string | undefined;
  /** Back to data that an earlier restore kept: its id, or true for the newest. */
  back?: string | true | undefined;
  /** The member whose data is restored; the primary if left out. */
  machine?: string | undefined;
  keepOld: boolean;
  /** From which repository; the first one that answers if left out. */
  repository?: number | undefined;
}

/** What a restore in place is going to do. */
export interface InPlacePlan {
  stack: string;
  cluster: string;
  request: RestoreRequest;
  /** When the backup was finished, and how large its database is; null where kept data takes its place. */
  backup: { finished: string; bytes: number } | null;
  members: string[];
}

/**
 * Looks at everything that a restore in place needs.
 * @throws Problem (exit 2) with all that stands in its way.
 */
export async function planInPlace(
  machines: Machines,
  cluster: Cluster,
  asked: InPlaceAsked,
  journal: Journal | null,
  ctx: OperationContext,
): Promise<InPlacePlan> {
  const { stack } = machines.topology;
  const target = asked.back === undefined ? parseTarget(asked.to ?? "latest") : null;
  const { leader, paused } = await clusterFacts(machines, cluster);
  const old = asked.back === undefined ? null : await oldOf(machines, cluster, asked.back);
  const name = asked.machine ?? old?.machine ?? leader ?? cluster.members[0]!;
  if (!cluster.members.includes(name)) throw noMember(cluster, name);
  const machine = machines.named(name);
  const members = await memberFacts(machines, cluster, name);
  const answers = members.find((member) => member.restored)?.unreachable === null;
  const repository =
    target === null ? null : await chooseRepository(machines.topology, cluster, asked.repository, ctx);
  const chosen =
    target && repository && answers
      ? await choose(machines, { machine, cluster, target, leader, repository }, ctx)
      : null;
  const faults = inPlaceFaults({
    stack,
    target: chosen?.fault ?? null,
    bytes: chosen?.backup?.bytes ?? null,
    keepOld: asked.keepOld,
    underWay: inTheWay(journal),
    paused,
    members,
  });
  const text = target ? targetText(target) : `the data that was kept at ${old!.note.at}`;
  if (faults.length > 0) throw refused(stack, text, faults);
  const request: RestoreRequest = {
    cluster: cluster.name,
    machine: name,
    from: old
      ? { type: "old", id: old.id }
      : {
          type: "backup",
          label: chosen!.backup!.label,
          repository: repository!.number,
          target: recoverySettings(target!),
          timeline: chosen!.timeline,
        },
    targetText: text,
    keepOld: asked.keepOld,
  };
  const { backup = null } = chosen ?? {};
  return {
    stack,
    cluster: cluster.name,
    request,
    backup: backup && { finished: backup.finished.toISOString(), bytes: backup.bytes },
    members: cluster.members,
  };
}

interface Chosen {
  backup: Backup | null;
  timeline: string;
  fault: string | null;
}

async function choose(
  machines: Machines,
  asked: {
    machine: Machine;
    cluster: Cluster;
    target: Target;
    leader: string | null;
    repository: ChosenRepository;
  },
  ctx: OperationContext,
): Promise<Chosen> {
  const { cluster, leader, machine, target } = asked;
  using store = openStore(machines.topology, ctx.onLine);
  try {
    const info = await machines.run(
      machine,
      backupInfoCommand(cluster.backupStanza, asked.repository.number),
    );
    const [points, branches] = await Promise.all([
      readPoints(store, cluster.name),
      readBranches(store, cluster.name),
    ]);
    const end =
      leader === null
        ? null
        : await sql(machines, machines.named(leader), "SELECT pg_current_wal_insert_lsn()").catch(() => null);
    const repository = parseRepository(info, cluster.backupStanza);
    const backup = chooseBackup(repository, target, points, new Date(), { branches, end });
    return { backup, timeline: timelineTo(momentOf(target, points), branches), fault: null };
  } catch (error) {
    ctx.signal.throwIfAborted();
    return { backup: null, timeline: "latest", fault: faultOf(error) };
  }
}

/** One line: what is wrong and what to do. */
function faultOf(error: unknown): string {
  if (!(error instanceof Problem)) return messageOf(error).replaceAll(/\s+/g, " ");
  return [error.happened, ...error.details.slice(0, 1), ...error.todo].join(" ");
}

async function oldOf(machines: Machines, cluster: Cluster, back: string | true): Promise<OldData> {
  const all = await listOld(machines, cluster);
  const found = back === true ? all.at(-1) : all.find(({ id }) => id === back);
  if (found) return found;
  throw new Problem({
    happened:
      back === true
        ? `${cluster.name} has no old data: there is nothing to go back to.`
        : `${cluster.name} has no old data "${back}".`,
    left: "Nothing was touched.",
    todo: all.length === 0 ? [] : [`There is: ${all.map(({ id }) => id).join(", ")}.`],
    exitCode: 2,
  });
}

function noMember(cluster: Cluster, name: string): Problem {
  return new Problem({
    happened: `${name} is no member of ${cluster.name}.`,
    left: "Nothing was touched.",
    todo: [`Give one of: ${cluster.members.join(", ")}`],
    exitCode: 2,
  });
}

function refused(stack: string, target: string, faults: string[]): Problem {
  return new Problem({
    happened: `${stack} cannot be restored in place to ${target}:`,
    details: faults,
    left: "Nothing was touched.",
    exitCode: 2,
  });
}

/** The plan for people, to be asked about. */
export function planText({ backup, cluster, members, request, stack }: InPlacePlan): string {
  const others = members.filter((name) => name !== request.machine);
  const kept = request.keepOld
    ? `the data of now stays aside on ${request.machine} until you say --forget-old; --back leads back to it`
    : "the data of now is NOT kept: there is no way back";
  const size = backup === null ? "" : ` (${(backup.bytes / 1e6).toFixed(0)} MB)`;
  return [
    `${cluster} of ${stack} is restored in place to ${request.targetText}.`,
    `  from     ${request.from.type === "backup" ? `the backup ${request.from.label}${size}` : `kept data ${request.from.id}`}`,
    `  on       ${request.machine}${others.length > 0 ? `; ${others.join(", ")} copy it afterwards` : ""}`,
    `  clients  see errors from the stop until it leads again; what was written after the target is not in it`,
    `  old data ${kept}`,
  ].join("\n");
}
