import { listAll } from "../../clients/hetzner.ts";
import { project } from "../../components/labels.ts";
import type { Fault } from "../../infra/config.ts";
import { hetznerPlan, type Plan } from "../../infra/hetzner/plan.ts";
import { blueprintOf } from "../../infra/phases/available.ts";
import { faultProblem } from "../deploy/faults.ts";
import { labelSelector, type Prepared } from "../deploy/prepare.ts";

/**
 * Refuses to go on where somebody made a volume larger than the stack's file says: it cannot be made smaller again,
 * so the file has to follow.
 * @throws Problem (exit 2) that says what to write.
 */
export async function refuseGrownVolumes({ access, config, deployment }: Prepared): Promise<void> {
  const { stack } = deployment.file;
  const volumes = await listAll(access, "volumes", labelSelector(stack));
  const plan = hetznerPlan(blueprintOf(config), config, stack);
  const fault = grownVolumes(
    plan,
    volumes.map(({ labels, size }) => ({ name: labels["phasewise-name"] ?? "", sizeGb: Number(size) })),
  );
  if (fault) throw faultProblem(stack, [fault]);
}

/** @param volumes What is in the cloud, by their logical names. */
export function grownVolumes(plan: Plan, volumes: { name: string; sizeGb: number }[]): Fault | null {
  const wanted = new Map(
    plan.machines.flatMap((machine) =>
      machine.volumes.map((volume) => [`${project}-${machine.name}-${volume.name}`, volume.sizeGb]),
    ),
  );
  const grown = volumes.filter(({ name, sizeGb }) => sizeGb > (wanted.get(name) ?? sizeGb));
  const largest = grown.sort((a, b) => b.sizeGb - a.sizeGb)[0];
  if (!largest) return null;
  return {
    path: "phasewise:volume.sizeGb",
    found: String(wanted.get(largest.name)),
    allowed: `${largest.sizeGb} (GB) or more: ${largest.name} has that size in the cloud, and volumes never shrink`,
    fix: `set it to ${largest.sizeGb}: somebody made the volume larger without this file`,
  };
}
