import { setTimeout as sleep } from "node:timers/promises";
import { change, getOne, type HetznerAccess, type HetznerItem } from "../../clients/hetzner.ts";
import type { OperationContext } from "../context.ts";
import { labelled } from "./adopt/kinds.ts";
import { withEngineLock } from "./engineLock.ts";
import { leavingResources, type Removed } from "./leaving.ts";
import { resourceLabel } from "./names.ts";
import type { Prepared } from "./prepare.ts";
import type { StateResource } from "./state.ts";
import { runEngine } from "./workspace.ts";

/** What Hetzner protects by itself, and what lifts it. */
const lifts: Record<string, object> = {
  servers: { delete: false, rebuild: false },
  volumes: { delete: false },
  primary_ips: { delete: false },
  load_balancers: { delete: false },
};

/** How long Hetzner may take to lift a protection (milliseconds); it takes as long as a request. */
const LIFTED_WITHIN = 30_000;
const PAUSE = 200;

/**
 * Lifts the protection of what the next run is going to delete, in the state and at Hetzner, and of nothing else;
 * says which. It looks at both first: where nothing is protected any more, nothing is done, so that it can be killed
 * and called again.
 */
export async function liftProtection(
  { access, deployment, state }: Pick<Prepared, "access" | "deployment" | "state">,
  removed: Removed,
  ctx: OperationContext,
): Promise<void> {
  const leaving = state ? leavingResources(state, removed) : [];
  const held = leaving.filter((resource) => resource.protect);
  const guarded = await guardedAtHetzner(access, leaving);
  const told = leaving.filter((each) => held.includes(each) || guarded.some(({ urn }) => urn === each.urn));
  if (told.length === 0) return;
  ctx.onLine(
    `  lifting the protection of what leaves: ${told.map(({ urn }) => resourceLabel(urn)).join(", ")}`,
  );
  await Promise.all(guarded.map((each) => lift(access, each)));
  if (held.length === 0) return;
  const urns = held.map(({ urn }) => urn);
  await withEngineLock(deployment, ctx.onLine, () =>
    runEngine(deployment, ["state", "unprotect", "--yes", "--stack", deployment.file.stack, ...urns]),
  );
}

interface Guarded {
  urn: string;
  collection: string;
  id: string;
}

async function guardedAtHetzner(access: HetznerAccess, leaving: StateResource[]): Promise<Guarded[]> {
  const asked = leaving.map(async ({ id, type, urn }): Promise<Guarded[]> => {
    const collection = labelled[type];
    if (!collection || !lifts[collection] || id === undefined) return [];
    return isGuarded(await getOne(access, collection, id)) ? [{ urn, collection, id }] : [];
  });
  return (await Promise.all(asked)).flat();
}

function isGuarded(item: HetznerItem | null): boolean {
  const { protection } = (item ?? {}) as { protection?: { delete?: boolean; rebuild?: boolean } };
  return protection?.delete === true || protection?.rebuild === true;
}

async function lift(access: HetznerAccess, { collection, id }: Guarded): Promise<void> {
  const path = `/${collection}/${id}`;
  await change(access, "POST", `${path}/actions/change_protection`, lifts[collection]);
  const end = Date.now() + LIFTED_WITHIN;
  while (isGuarded(await getOne(access, collection, id))) {
    if (Date.now() > end) throw new Error(`Hetzner does not lift the protection of ${path}`);
    await sleep(PAUSE);
  }
}
