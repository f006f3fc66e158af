import type { MachineRole } from "../../components/spec.ts";
import type { Plan } from "./plan.ts";

/** What two plans of one stack differ in, by name, in the order of the plans. */
export interface PlanDifference {
  machines: Change;
  volumes: Change;
  networks: Change;
  loadBalancers: Change;
  /** Of machines that both plans have. */
  roles: { machine: string; added: MachineRole[]; removed: MachineRole[] }[];
  /** As "core-1 server type: cpx22 -> cpx32". */
  changed: string[];
}

export interface Change {
  added: string[];
  removed: string[];
}

/** What has to be made and taken away to come from one plan to another. */
export function planDifference(before: Plan, after: Plan): PlanDifference {
  return {
    machines: change(machineNames(before), machineNames(after)),
    volumes: change(volumeNames(before), volumeNames(after)),
    networks: change(subnetNames(before), subnetNames(after)),
    loadBalancers: change(balancerNames(before), balancerNames(after)),
    roles: roleChanges(before, after),
    changed: changes(before, after),
  };
}

function change(before: string[], after: string[]): Change {
  return {
    added: after.filter((name) => !before.includes(name)),
    removed: before.filter((name) => !after.includes(name)),
  };
}

function machineNames({ machines }: Plan): string[] {
  return machines.map((machine) => machine.name);
}

function volumeNames({ machines }: Plan): string[] {
  return machines.flatMap((machine) => machine.volumes.map((volume) => `${machine.name}-${volume.name}`));
}

function subnetNames({ network }: Plan): string[] {
  return network.subnets.map((subnet) => subnet.name);
}

function balancerNames({ loadBalancers }: Plan): string[] {
  return loadBalancers.map((balancer) => balancer.name);
}

/** Machines that are in both plans. */
function kept(before: Plan, after: Plan) {
  return after.machines.flatMap((now) => {
    const old = before.machines.find((machine) => machine.name === now.name);
    return old ? [{ old, now }] : [];
  });
}

function roleChanges(before: Plan, after: Plan): PlanDifference["roles"] {
  return kept(before, after)
    .map(({ old, now }) => ({
      machine: now.name,
      added: now.roles.filter((role) => !old.roles.includes(role)),
      removed: old.roles.filter((role) => !now.roles.includes(role)),
    }))
    .filter(({ added, removed }) => added.length + removed.length > 0);
}

function changes(before: Plan, after: Plan): string[] {
  return kept(before, after).flatMap(({ old, now }) => [
    ...(old.serverType === now.serverType
      ? []
      : [`${now.name} server type: ${old.serverType} -> ${now.serverType}`]),
    ...now.volumes.flatMap((volume) => {
      const size = old.volumes.find((each) => each.name === volume.name)?.sizeGb;
      return size === undefined || size === volume.sizeGb
        ? []
        : [`${now.name}-${volume.name}: ${size} -> ${volume.sizeGb} GB`];
    }),
  ]);
}
