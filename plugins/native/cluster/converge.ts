import { setTimeout as sleep } from "node:timers/promises";
import { PatroniError } from "../../../clients/patroni.ts";
import { SshLost } from "../../../clients/ssh.ts";
import { same } from "../../server/values.ts";
import type { Step, StoredCluster } from "./inputs.ts";
import { findLeader, Members, type WaitOptions } from "./leader.ts";
import { tellOthers } from "./others.ts";
import { type Override, readOverrides, resetOverrides } from "./overrides.ts";
import { reconfigure } from "./reconfigure.ts";
import { LeaderMoved, NotUp, type Remote, SqlError } from "./remote.ts";
import { type Database, databasesSql, rolesSql, type WantedRole } from "./sql.ts";
import {
  AT,
  actsScript,
  missing,
  type Probed,
  parseServer,
  probesScript,
  type ServerSurvey,
  serverSql,
} from "./survey.ts";
import { awaited, waitForWhole } from "./whole.ts";

/** What a Cluster puts out. */
export interface ClusterOutputs {
  leader: string;
  timeline: number;
  systemIdentifier: string;
  postgresVersion: string;
  pendingRestarts: { member: string; parameters: string[] }[];
}

const RETRY_MS = 1_000;

/** Brings the cluster to `wanted` through its leader; starts over when that moves in between. */
export async function convergeCluster(
  wanted: StoredCluster,
  previous: StoredCluster | null,
  options: WaitOptions,
): Promise<ClusterOutputs> {
  const members = new Members(wanted);
  try {
    return await persistently(options, async () => {
      const { name, remote } = await findLeader(members, options);
      const server = await survey(remote, wanted, options.signal);
      if (server.inRecovery) throw new LeaderMoved();
      // A setting that comes in the middle of that restart stays out of force until another one changes.
      if (!server.hotStandby) throw new NotUp("PostgreSQL was restored and is restarted once");
      // First: as long as they stand, no change of these settings would come into force.
      await resetOverrides(members, remote, options);
      const before = previous?.dynamicConfiguration ?? {};
      const { dynamicConfiguration } = wanted;
      const change = await reconfigure(remote, server, dynamicConfiguration, before, options.onWait);
      const work =
        previous === null || !sameWork(wanted, previous)
          ? [convergeSql(remote, wanted, server, options), runSteps(remote, wanted, options)]
          : [];
      const told = change === null ? [] : [tellOthers(members, remote, change, options)];
      await Promise.all([...told, ...work, waitForWhole(members, remote, awaited(wanted), options)]);
      return await outputsOf(name, remote, wanted, options.signal);
    });
  } finally {
    members.close();
  }
}

/** What a refresh looks at. */
export interface ClusterState {
  configuration: Record<string, unknown>;
  server: ServerSurvey;
  overrides: Override[];
  missingStatements: string[];
  missingSteps: string[];
  outputs: ClusterOutputs;
}

/** Looks at everything through the leader and changes nothing. */
export async function readCluster(wanted: StoredCluster, options: WaitOptions): Promise<ClusterState> {
  const members = new Members(wanted);
  try {
    return await persistently(options, async () => {
      const { name, remote } = await findLeader(members, options);
      const [configuration, server, overrides, steps] = await Promise.all([
        remote.patroni.configuration(options.signal),
        survey(remote, wanted, options.signal),
        readOverrides(members, remote, options),
        missingSteps(remote, stepsOf(wanted), options.signal),
      ]);
      return {
        configuration,
        server,
        overrides,
        missingStatements: (await missingStatements(remote, wanted, options.signal)).map((one) => one.name),
        missingSteps: steps.map((step) => step.name),
        outputs: await outputsOf(name, remote, wanted, options.signal),
      };
    });
  } finally {
    members.close();
  }
}

/**
 * Whether SQL and steps are as they were: what was applied then need not be asked for again. Of a cluster that a
 * refresh could not look at, nothing is known.
 */
function sameWork(wanted: StoredCluster, previous: StoredCluster): boolean {
  if (previous.found !== undefined) return false;
  const work = ({
    roles,
    databases,
    statements,
    statementOrder,
    steps,
    stepOrder,
    secrets,
  }: StoredCluster) => ({ roles, databases, statements, statementOrder, steps, stepOrder, secrets });
  return same(work(wanted), work(previous));
}

/** Repeats where the leader moved or a connection broke, until the deadline. */
async function persistently<T>(options: WaitOptions, attempt: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      const passing =
        error instanceof LeaderMoved ||
        error instanceof SshLost ||
        error instanceof NotUp ||
        (error instanceof PatroniError && (error.status === 0 || error.status === 503));
      if (!passing || Date.now() > options.end) throw error;
      options.signal.throwIfAborted();
      options.onWait(`${error.message.split("\n")[0]}; starting over`);
      await sleep(RETRY_MS);
    }
  }
}

async function survey(remote: Remote, wanted: StoredCluster, signal: AbortSignal): Promise<ServerSurvey> {
  return parseServer(await remote.psql(serverSql(Object.keys(wanted.roles)), "postgres", signal));
}

export function rolesOf(wanted: StoredCluster): WantedRole[] {
  return Object.entries(wanted.roles).map(([name, { passwordSecret, ...role }]) => ({
    name,
    ...role,
    password: passwordSecret === null ? null : (wanted.secrets[passwordSecret] ?? null),
  }));
}

function databasesOf(wanted: StoredCluster): Database[] {
  return Object.entries(wanted.databases).map(([name, { owner }]) => ({ name, owner }));
}

function stepsOf(wanted: StoredCluster): Step[] {
  return wanted.stepOrder.flatMap((name) =>
    wanted.steps[name] === undefined ? [] : [{ name, ...wanted.steps[name] }],
  );
}

function statementsOf(wanted: StoredCluster): Probed[] {
  return wanted.statementOrder.flatMap((name) =>
    wanted.statements[name] === undefined ? [] : [{ name, ...wanted.statements[name] }],
  );
}

async function missingStatements(
  remote: Remote,
  wanted: StoredCluster,
  signal: AbortSignal,
): Promise<Probed[]> {
  const statements = statementsOf(wanted);
  return statements.length === 0
    ? []
    : missing(statements, await remote.psql(probesScript(statements), "postgres", signal));
}

async function convergeSql(
  remote: Remote,
  wanted: StoredCluster,
  server: ServerSurvey,
  { signal, onWait }: WaitOptions,
): Promise<void> {
  const roles = rolesSql(rolesOf(wanted), server.roles);
  if (roles !== "") {
    onWait("SQL roles");
    await named("SQL roles", () => remote.psql(roles));
  }
  for (const statement of databasesSql(databasesOf(wanted), server.databases)) {
    onWait(statement);
    await named(statement, () => remote.psql(`${statement}\n`));
  }
  signal.throwIfAborted();
  const todo = await missingStatements(remote, wanted, signal);
  if (todo.length === 0) return;
  onWait(todo.length === 1 ? (todo[0]?.name ?? "") : `${todo.length} pieces of SQL`);
  await named("SQL", () => remote.psql(actsScript(todo)));
  const left = await missingStatements(remote, wanted, signal);
  if (left.length > 0) {
    throw new Error(`This SQL ran, but its probe still says no: ${left.map((one) => one.name).join(", ")}`);
  }
}

/** Puts the name of what was being done before PostgreSQL's own words. */
async function named<T>(what: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof SqlError)) throw error;
    const at = error.at?.startsWith(AT) === true ? error.at.slice(AT.length) : what;
    throw new Error(
      `${at}: ${error.message}\nIts transaction was rolled back, what was done before stays. Run again after the repair.`,
    );
  }
}

async function missingSteps(remote: Remote, steps: Step[], signal: AbortSignal): Promise<Step[]> {
  const answers = await Promise.all(steps.map((step) => remote.script(step.probe, signal)));
  return steps.filter((_, index) => answers[index]?.code !== 0);
}

async function runSteps(
  remote: Remote,
  wanted: StoredCluster,
  { signal, onWait }: WaitOptions,
): Promise<void> {
  for (const step of stepsOf(wanted)) {
    if ((await missingSteps(remote, [step], signal)).length === 0) continue;
    onWait(step.name);
    const done = await remote.script(step.act);
    const words = `${done.stdout}\n${done.stderr}`.trim().split("\n").slice(-20).join("\n");
    if (done.code !== 0) throw new Error(`step "${step.name}" failed (exit code ${done.code})\n${words}`);
    if ((await missingSteps(remote, [step], signal)).length > 0) {
      throw new Error(`step "${step.name}" ran, but its probe still fails\n${words}`);
    }
  }
}

/** The leader is asked itself what waits for a restart; of the others Patroni knows it, a round later. */
async function outputsOf(
  leader: string,
  remote: Remote,
  wanted: StoredCluster,
  signal: AbortSignal,
): Promise<ClusterOutputs> {
  const [server, cluster] = await Promise.all([
    survey(remote, wanted, signal),
    remote.patroni.cluster(signal),
  ]);
  const pending = cluster.members.map((member) => ({
    member: member.name,
    parameters:
      member.name === leader
        ? server.pendingRestart
        : Object.keys(member.pending_restart_reason ?? {}).sort(),
  }));
  return {
    leader,
    timeline: cluster.members.find((member) => member.name === leader)?.timeline ?? server.timeline,
    systemIdentifier: server.systemIdentifier,
    postgresVersion: server.version,
    pendingRestarts: pending.filter((one) => one.parameters.length > 0),
  };
}
