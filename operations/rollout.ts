import { quote } from "../clients/ssh/quote.ts";
import { Problem } from "../toolchain/problem.ts";
import type { OperationContext } from "./context.ts";
import { lockStack } from "./deploy/stackLock.ts";
import { type Cluster, type Machine, readDeployed } from "./topology.ts";
import type { World } from "./verify/check.ts";
import { listPending, type Pending } from "./verify/checks/pendingRestarts.ts";
import { patroniCluster, patroniCommand } from "./verify/patroni.ts";
import { openWorld } from "./verify/world.ts";

export interface RolloutReport {
  stack: string;
  restarted: { machine: string; what: string; seconds: number }[];
  /** Restarts that still wait. */
  pending: Pending[];
}

/** One machine's restarts, in the order in which they are done. */
export interface MachineRestarts {
  machine: string;
  /** "PostgreSQL" or a unit. */
  whats: string[];
}

/** Units by who needs whom: the store first, then what asks it. */
const order = ["etcd.service", "patroni.service", "PostgreSQL", "haproxy.service", "pgbouncer.service"];

/**
 * What is restarted where, one machine after the other: standbys first, each cluster's primary last.
 * A restart of Patroni's unit restarts its PostgreSQL too.
 */
export function planRestarts(pending: Pending[], leaders: string[]): MachineRestarts[] {
  const machines = [...new Set(pending.map((one) => one.machine))].sort();
  const inOrder = [
    ...machines.filter((name) => !leaders.includes(name)),
    ...machines.filter((name) => leaders.includes(name)),
  ];
  return inOrder.map((machine) => {
    const whats = new Set(pending.filter((one) => one.machine === machine).map((one) => one.what));
    if (whats.has("patroni.service")) whats.delete("PostgreSQL");
    const rank = (what: string) => (order.includes(what) ? order.indexOf(what) : order.length);
    return { machine, whats: [...whats].sort((a, b) => rank(a) - rank(b) || a.localeCompare(b)) };
  });
}

/** Does the restarts that wait. Where a database restarts, its clients wait at the pooler meanwhile. */
export async function rollout(stack: string, ctx: OperationContext): Promise<RolloutReport> {
  await using _lock = await lockStack(stack, "rollout");
  const { topology } = await readDeployed(stack, ctx);
  await using world = openWorld(topology, { unavailable: "rollout does not ask it" }, ctx);
  const plan = planRestarts(await listPending(world), await leaders(world));
  const restarted: RolloutReport["restarted"] = [];
  for (const { machine: name, whats } of plan) {
    const machine = topology.machines.find((one) => one.name === name)!;
    for (const what of whats) {
      if (ctx.signal.aborted) throw stopped(stack, restarted.length);
      ctx.onLine(`restarting ${what} on ${name} ...`);
      const start = Date.now();
      await restart(world, machine, what, stack);
      const seconds = Math.round((Date.now() - start) / 100) / 10;
      ctx.onLine(`restarted ${what} on ${name} (${seconds} s)`);
      restarted.push({ machine: name, what, seconds });
    }
  }
  return { stack, restarted, pending: await listPending(world) };
}

function stopped(stack: string, done: number): Problem {
  return new Problem({
    happened: "Interrupted.",
    left: `${done} restart${done === 1 ? " was" : "s were"} done; the others still wait.`,
    todo: [`npx phasewise rollout ${stack} goes on.`],
    exitCode: 130,
  });
}

async function leaders(world: World): Promise<string[]> {
  const names = world.topology.clusters.map(async (cluster: Cluster) => {
    const machine = world.topology.machines.find((one) => cluster.members.includes(one.name))!;
    const view = await patroniCluster(world, machine);
    return view.members.find((member) => member.role === "leader")?.name ?? "";
  });
  return Promise.all(names);
}

async function restart(world: World, machine: Machine, what: string, stack: string): Promise<void> {
  const database = what === "PostgreSQL" || what === "patroni.service";
  const act = what === "PostgreSQL" ? restartPostgres(machine) : `systemctl restart ${what}`;
  const script = database ? heldClients(machine, act) : act;
  try {
    await world.run(machine, transient(script));
  } catch (error) {
    throw new Problem({
      happened: `${what} on ${machine.name} did not come back after its restart.`,
      details: (await journal(world, machine, what)).split("\n"),
      left: "The restarts after it were not begun.",
      todo: [
        `npx phasewise verify ${stack} says what is wrong.`,
        `npx phasewise rollout ${stack} goes on afterwards.`,
      ],
      cause: error,
    });
  }
}

/** As a named unit it goes on where the connection is lost. */
function transient(script: string): string {
  return `systemd-run --quiet --wait --collect --pipe --unit=phasewise-rollout sh -ec ${quote(script)}`;
}

function restartPostgres(machine: Machine): string {
  const body = `-X POST -H 'Content-Type: application/json' -d '{"timeout": 300}'`;
  return patroniCommand(machine, "/restart", `--max-time 330 ${body}`);
}

const socket = "-h /run/postgresql -d postgres";
const pooler = "psql -h /run/pgbouncer -p 6432 -U postgres -d pgbouncer -qX -c";

/**
 * Clients of this machine's pooler wait while `act` runs; they are let go on however it ends. Transactions get
 * five seconds to end before, and PostgreSQL two minutes to come back.
 */
function heldClients(machine: Machine, act: string): string {
  const ready = `for i in $(seq 240); do runuser -u postgres -- psql ${socket} -qXAtc 'SELECT 1' >/dev/null 2>&1 && exit 0; sleep 0.5; done; exit 1`;
  if (!machine.roles.includes("pgbouncer")) return `${act}\n${ready}`;
  return [`trap "${pooler} RESUME" EXIT`, `timeout 5 ${pooler} PAUSE || true`, act, `(${ready})`].join("\n");
}

async function journal(world: World, machine: Machine, what: string): Promise<string> {
  const unit = what === "PostgreSQL" ? "patroni.service" : what;
  return world.run(machine, `journalctl -u ${unit} -n 15 --no-pager -o cat`);
}
