import { project } from "../../components/labels.ts";
import type { PlanDifference } from "../../infra/hetzner/difference.ts";
import { parseUrn } from "./names.ts";
import type { State, StateResource } from "./state.ts";

/** What a run is about to delete, by the names of its plan. */
export type Removed = Pick<PlanDifference, "machines" | "volumes" | "networks" | "loadBalancers">;

/** Components of which everything goes. */
const wholes = {
  "phasewise:hetzner:Machine": ({ machines }: Removed) => machines.removed,
  "phasewise:hetzner:LoadBalancer": ({ loadBalancers }: Removed) => loadBalancers.removed,
};

/** What may leave a component that stays: a volume with its attachment, a subnet. */
const singles = {
  "hcloud:index/volume:Volume": ({ volumes }: Removed) => volumes.removed,
  "hcloud:index/volumeAttachment:VolumeAttachment": ({ volumes }: Removed) => volumes.removed,
  "hcloud:index/networkSubnet:NetworkSubnet": ({ networks }: Removed) =>
    networks.removed.map((name) => `network-${name}`),
};

/**
 * The resources of a state that are about to be deleted, in the state's order; nothing else's protection may be
 * lifted.
 */
export function leavingResources({ resources }: State, removed: Removed): StateResource[] {
  const leaving = new Set<string>();
  for (const resource of resources) {
    const inside = resource.parent !== undefined && leaving.has(resource.parent);
    if (inside || isNamed(resource, wholes, removed) || isNamed(resource, singles, removed)) {
      leaving.add(resource.urn);
    }
  }
  return resources.filter(({ urn }) => leaving.has(urn));
}

function isNamed(
  { urn }: StateResource,
  kinds: Record<string, (removed: Removed) => string[]>,
  removed: Removed,
): boolean {
  const { name, type } = parseUrn(urn);
  return (kinds[type]?.(removed) ?? []).some((each) => name === `${project}-${each}`);
}
