import type { Step } from "../workflow/step.ts";
import { describeWork, type MachineWork } from "./work.ts";
import type { RolloutWorld } from "./world.ts";

type RolloutStep = Step<RolloutWorld>;

/** How a machine takes part, beside its own work. */
export interface Role {
  /** Member of a cluster that has others to take over. */
  replicated: boolean;
  /** Somebody else can serve its clients meanwhile. */
  drained: boolean;
}

/** One machine after the other: led away, worked on, back, and everything well before the next one. */
export function rolloutSteps(work: MachineWork[], roleOf: (machine: string) => Role): RolloutStep[] {
  const steps = work.flatMap((one) => machineSteps(one, roleOf(one.machine)));
  const databases = work.some(({ restarts }) => restarts.some(({ what }) => what === "PostgreSQL"));
  return databases ? [...steps, remaining] : steps;
}

function machineSteps(work: MachineWork, { drained, replicated }: Role): RolloutStep[] {
  const { machine, packages, reboot, restarts, security } = work;
  const updates = packages.length + security.length > 0;
  return [
    ...(replicated ? [vacate(work)] : []),
    ...(drained ? [drain(work)] : []),
    ...(updates ? [update(work)] : []),
    ...(reboot !== null
      ? [rebooting(work, drained)]
      : restarts.length > 0
        ? [restarting(work, drained)]
        : []),
    settle(machine),
  ];
}

async function isDone(world: RolloutWorld, work: MachineWork): Promise<boolean> {
  if (work.packages.length + work.security.length > 0 && !(await world.isUpdated(work))) return false;
  if (work.reboot !== null) return world.hasRebooted(work);
  return (await world.waiting(work)).length === 0;
}

function vacate(work: MachineWork): RolloutStep {
  const { machine } = work;
  return {
    name: `vacate-${machine}`,
    title: `see that ${machine} is no primary`,
    probe: async (world) => !(await world.leads(machine)) || (await isDone(world, work)),
    act: (world) => world.vacate(machine),
  };
}

function drain(work: MachineWork): RolloutStep {
  const { machine } = work;
  return {
    name: `drain-${machine}`,
    title: `lead clients away from ${machine}`,
    probe: (world) => isDone(world, work),
    act: (world) => world.drain(machine),
    undo: (world) => world.undrain(machine),
  };
}

function update(work: MachineWork): RolloutStep {
  const { machine } = work;
  return {
    name: `update-${machine}`,
    title: `${machine}: ${describeWork({ ...work, restarts: [], reboot: null }).join(", ")}`,
    probe: (world) => world.isUpdated(work),
    act: (world) => world.update(work),
  };
}

/** A drain does not last for ever: long after a kill it has to be made again. */
function restarting(work: MachineWork, drained: boolean): RolloutStep {
  const { machine, restarts } = work;
  return {
    name: `restart-${machine}`,
    title: `restart ${restarts.map(({ what }) => what).join(", ")} on ${machine}`,
    probe: async (world) => (await world.waiting(work)).length === 0,
    act: async (world) => {
      if (drained) await world.drain(machine);
      for (const what of await world.waiting(work)) await world.restart(machine, what);
    },
  };
}

function rebooting(work: MachineWork, drained: boolean): RolloutStep {
  const { machine } = work;
  return {
    name: `reboot-${machine}`,
    title: `reboot ${machine}`,
    probe: (world) => world.hasRebooted(work),
    act: async (world) => {
      if (drained) await world.drain(machine);
      await world.reboot(machine);
    },
  };
}

function settle(machine: string): RolloutStep {
  return {
    name: `settle-${machine}`,
    title: `let ${machine} serve again, and check everything`,
    probe: async () => false,
    act: async (world) => {
      await world.undrain(machine);
      await world.settle();
    },
  };
}

/**
 * Some settings have to be lowered on the primary first (as max_connections: a standby never runs with less than its
 * primary's log says): what no restart of a standby brought is done in place.
 */
const remaining: RolloutStep = {
  name: "remaining",
  title: "see that no restart of PostgreSQL waits any more",
  probe: async (world) => !(await world.stillWaits()),
  act: (world) => world.restartInPlace(),
};
