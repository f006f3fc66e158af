import { randomBytes } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import type { Patroni } from "../../clients/patroni.ts";
import { quote } from "../../clients/ssh/quote.ts";
import { READS, WRITES } from "../../roles/pgbouncerConfiguration.ts";
import { messageOf, Problem } from "../../toolchain/problem.ts";
import type { OperationContext } from "../context.ts";
import { isUnreachable, type Machines } from "../machines.ts";
import type { Machine } from "../topology.ts";
import { TurnedBack } from "../workflow/again.ts";
import { methodFor } from "./method.ts";
import { agentSettings, agentsOf, type CutoverPlan, coordinatorSettings, FOLDER } from "./settings.ts";

/** Milliseconds that each part took; clients were held for all of it. */
const times = z.object({
  drainMs: z.number(),
  stopMs: z.number(),
  catchUpMs: z.number(),
  promoteMs: z.number(),
  resumeMs: z.number(),
  heldMs: z.number(),
  /** From there to the end of the first transaction of any client; null where none came. */
  firstMs: z.number().nullable(),
});

export type CutoverTimes = z.infer<typeof times>;

const progress = z.looseObject({ done: z.boolean().optional(), failed: z.string().optional() });

/** How a cutover ended, by all that its coordinator said. */
export type CutoverEnd =
  /** The new primary serves. `times` is null where it was finished by what comes after a broken run. */
  | { moved: true; times: CutoverTimes | null }
  /** `clean`: it was turned back by itself, and nothing is left to be put right. */
  | { moved: false; reason: string; clean: boolean };

const COORDINATOR = "phasewise-cutover.service";
const SETTLER = "phasewise-cutover-settle.service";
const AGENT = "phasewise-cutover-agent.service";
/** Longer than any cutover that can still come to a good end (seconds). */
const LIMIT = 180;
/** A gateway that does not answer is asked again after so long. */
const AGAIN_MS = 250;
/** So long one look at a cutover waits for its end (seconds). */
const LOOK = 20;
/** So often it is looked whether a process has ended, without starting one for it: the machine has clients (seconds). */
const ENDS = 0.1;

/** @param text Lines of JSON; null while it goes on. */
export function endOf(text: string): CutoverEnd | null {
  const lines = text
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => progress.parse(JSON.parse(line)));
  const last = lines.at(-1);
  if (last?.done === undefined) return null;
  const failed = lines.findLast((line) => line.failed !== undefined)?.failed;
  if (!last.done)
    return { moved: false, reason: failed ?? "its coordinator was killed", clean: failed !== undefined };
  const told = lines.map((line) => times.safeParse(line)).findLast((parsed) => parsed.success);
  return { moved: true, times: told?.data ?? null };
}

/**
 * Moves the primary of a cluster while its clients wait for some hundred milliseconds. The work is done by a unit on a
 * gateway, which goes on where this process or its connection ends; calling this again follows that one first.
 * @throws Problem where it was not moved: the old primary, or one that Patroni chose, serves. TurnedBack where nothing
 * is broken, and it can be tried again.
 */
export async function cutOver(
  plan: CutoverPlan,
  machines: Machines,
  ctx: OperationContext,
): Promise<CutoverTimes | null> {
  const [coordinator] = plan.gateways;
  if (!coordinator) throw new Error(`${plan.cluster.name} has no gateway`);
  if (await isRunning(machines, coordinator)) {
    ctx.onLine("following a cutover that is under way ...");
    await follow(machines, coordinator, ctx);
  }
  await liftLeftovers(plan, machines, ctx);
  if ((await leaderName(plan, machines)) === plan.to.name) return null;
  const method = plan.method ?? (await methodFor(plan.members, machines, ctx));
  const token = randomBytes(32).toString("hex");
  const agents = agentsOf(plan);
  try {
    await Promise.all(
      agents.map((machine) => startAgent(machines, machine, agentSettings(plan, machine, token))),
    );
    await startCoordinator(machines, coordinator, coordinatorSettings({ ...plan, method }, token));
    const end = await follow(machines, coordinator, ctx);
    if (end.moved) return end.times;
    throw turnedBack(plan, end);
  } finally {
    await Promise.allSettled(agents.map((machine) => stopAgent(machines, machine)));
  }
}

/** How long a promoted standby may take to hold the leader's key before Patroni is let choose (milliseconds). */
const LEADS_WITHIN = 15_000;

/**
 * Where everything of an earlier cutover was killed, the one that settles too, clients are let go on and Patroni is
 * let work again: with the new primary where it was promoted, else with whom it chooses.
 * @returns Whether there was anything to be put right; standbys may still be on their way back then.
 */
export async function liftLeftovers(
  { gateways, members }: Pick<CutoverPlan, "gateways" | "members">,
  machines: Machines,
  ctx: OperationContext,
): Promise<boolean> {
  const patroni = await anyPatroni(members, machines);
  if ((await patroni.cluster()).pause !== true) return false;
  ctx.onLine(
    "an earlier cutover was killed with all that belongs to it: letting clients and Patroni go on ...",
  );
  const resume = [WRITES, READS].map(
    ({ port, socket }) => `psql -qX -h ${socket} -p ${port} -U postgres -d pgbouncer -c RESUME 2>&1`,
  );
  await Promise.all(gateways.map((machine) => machines.run(machine, `${resume.join("; ")}; true`)));
  const end = Date.now() + LEADS_WITHIN;
  const led = async () => (await patroni.cluster()).members.some((each) => each.role === "leader");
  while (Date.now() < end && !(await led())) await sleep(500);
  await patroni.patchConfiguration({ pause: false });
  while (!(await led())) {
    if (Date.now() > end + LEADS_WITHIN * 2) throw new Error("Patroni was let go on, and chooses no leader");
    await sleep(500);
  }
  return true;
}

/** Of the first member that answers. */
async function anyPatroni(members: Machine[], machines: Machines): Promise<Patroni> {
  const reasons: string[] = [];
  for (const member of members) {
    try {
      const patroni = await machines.patroni(member);
      await patroni.cluster();
      return patroni;
    } catch (error) {
      reasons.push(`${member.name}: ${messageOf(error).split("\n")[0]}`);
    }
  }
  throw new Error(`no Patroni answers: ${reasons.join("; ")}`);
}

async function leaderName(plan: CutoverPlan, machines: Machines): Promise<string | undefined> {
  const { members } = await (await machines.patroni(plan.to)).cluster();
  return members.find((member) => member.role === "leader")?.name;
}

async function isRunning(machines: Pick<Machines, "run">, machine: Machine): Promise<boolean> {
  const states = (await machines.run(machine, `systemctl is-active ${COORDINATOR} ${SETTLER} || true`)).split(
    "\n",
  );
  return states.some((state) => ["active", "activating", "deactivating"].includes(state));
}

async function startAgent(machines: Machines, machine: Machine, settings: unknown): Promise<void> {
  await putFiles(machines, machine, "agent", settings);
  const script = `/usr/bin/python3 -B ${FOLDER}/agent.py`;
  const unit = [
    `systemctl stop ${AGENT} 2>/dev/null || true;`,
    `systemd-run --quiet --collect --unit=${AGENT} -p StandardInput=file:${FOLDER}/agent.json`,
    `-p RuntimeMaxSec=${2 * LIMIT} -p ExecStopPost='-${script} release'`,
    script,
  ];
  await machines.run(machine, unit.join(" "));
}

async function stopAgent(machines: Machines, machine: Machine): Promise<void> {
  await machines.run(machine, `systemctl stop ${AGENT} 2>/dev/null || true; rm -f ${FOLDER}/agent.json`);
}

/**
 * Two units: the coordinator, and one that does nothing but wait for the coordinator's end, however it comes, and then
 * sees to it that clients go on. Killed alone, neither leaves them held.
 */
async function startCoordinator(machines: Machines, machine: Machine, settings: unknown): Promise<void> {
  await putFiles(machines, machine, "cutover", settings);
  const script = `/usr/bin/python3 -B ${FOLDER}/cutover.py`;
  const common = [
    `--quiet --collect -p StandardInput=file:${FOLDER}/cutover.json`,
    `-p StandardOutput=append:${FOLDER}/progress -p RuntimeMaxSec=${LIMIT}`,
  ].join(" ");
  const settling = [
    `for i in $(seq 100); do pid=${mainPid(COORDINATOR)}; [ "$pid" = 0 ] || break; sleep 0.1; done`,
    `[ "$pid" = 0 ] || ${awaitEnd}`,
    `exec ${script} settle`,
  ].join("; ");
  await machines.run(
    machine,
    [
      `rm -f ${FOLDER}/state.json ${FOLDER}/progress; touch ${FOLDER}/progress`,
      `systemd-run ${common} --unit=${SETTLER} /bin/sh -c ${quote(settling)}`,
      `systemd-run ${common} --unit=${COORDINATOR} ${script} run`,
    ].join("; "),
  );
}

const mainPid = (unit: string): string => `$(systemctl show -P MainPID ${unit})`;
const awaitEnd = `tail --pid="$pid" -s ${ENDS} -f /dev/null`;

const PROGRAMS = new URL("./remote/", import.meta.url);
/** Takes files as JSON, texts by their names. */
const UNPACK =
  "import json, sys; [open(name, 'w').write(text) for name, text in json.load(sys.stdin).items()]";

/** The programs and settings of one of them; the latter hold the token that lets a cutover's machines know each other. */
async function putFiles(
  machines: Machines,
  machine: Machine,
  name: string,
  settings: unknown,
): Promise<void> {
  const names = (await readdir(PROGRAMS)).filter((each) => each.endsWith(".py"));
  const read = async (each: string) => [each, await readFile(new URL(each, PROGRAMS), "utf8")] as const;
  const files = {
    ...Object.fromEntries(await Promise.all(names.map(read))),
    [`${name}.json`]: JSON.stringify(settings),
  };
  const unpack = `install -d -m 0700 ${FOLDER} && cd ${FOLDER} && umask 077 && python3 -c ${quote(UNPACK)}`;
  await machines.run(machine, unpack, JSON.stringify(files));
}

/**
 * Waits for the coordinator to end, and for what comes after it. A machine that does not answer for a while does not end
 * the wait: the move goes on there, and needs its agents.
 */
export async function follow(
  machines: Pick<Machines, "run">,
  machine: Machine,
  ctx: Pick<OperationContext, "onLine">,
): Promise<CutoverEnd> {
  // By then the coordinator and what comes after it have been ended.
  const patience = Date.now() + 2 * LIMIT * 1000;
  for (;;) {
    try {
      return await ended(machines, machine);
    } catch (error) {
      if (!isUnreachable(error) || Date.now() > patience) throw error;
      ctx.onLine(`  ${machine.name} does not answer; what was begun goes on there: asking again ...`);
      await sleep(AGAIN_MS);
    }
  }
}

async function ended(machines: Pick<Machines, "run">, machine: Machine): Promise<CutoverEnd> {
  const look = [COORDINATOR, SETTLER].map(
    (unit) => `pid=${mainPid(unit)}; [ "$pid" = 0 ] || timeout ${LOOK} ${awaitEnd}`,
  );
  while (await isRunning(machines, machine)) await machines.run(machine, `${look.join("; ")}; true`);
  const text = await machines.run(machine, `cat ${FOLDER}/progress 2>/dev/null || true`);
  const unclear = async () => lastWords(text, await journal(machines, machine));
  return endOf(text) ?? { moved: false, reason: await unclear(), clean: false };
}

async function journal(machines: Pick<Machines, "run">, machine: Machine): Promise<string> {
  return machines.run(machine, `journalctl -u ${COORDINATOR} -u ${SETTLER} -n 20 --no-pager -o cat`);
}

/** Why a cutover ended whose clean-up failed as well: what it said itself, and what was printed last. */
export function lastWords(text: string, journal: string): string {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const said = lines.filter((line) => line.startsWith("{")).map((line) => progress.parse(JSON.parse(line)));
  const failed = said.findLast((line) => line.failed !== undefined)?.failed;
  const first = failed ?? "its coordinator ended without a word";
  return [
    `${first}, and its clean-up did not come to its end`,
    ...lines.slice(-10),
    ...journal.trim().split("\n"),
  ].join("\n");
}

function turnedBack({ from, to }: CutoverPlan, { clean, reason }: CutoverEnd & { moved: false }): Problem {
  const [first, ...rest] = reason.split("\n");
  const Kind = clean ? TurnedBack : Problem;
  return new Kind({
    happened: `The primary was not moved from ${from.name} to ${to.name}: ${first}.`,
    details: rest,
    left: "The move was turned back: clients go on, through whichever primary Patroni names.",
    todo: ["Run the same command again once that is mended."],
  });
}
