import { getOne, type HetznerAccess, listAll, powerOn } from "../../../clients/hetzner.ts";
import { messageOf, Problem } from "../../../toolchain/problem.ts";
import type { OperationContext } from "../../context.ts";
import { withEngineLock } from "../engineLock.ts";
import { resourceLabel } from "../names.ts";
import type { RunReport } from "../run.ts";
import { type State, withoutPending } from "../state.ts";
import { type Deployment, readState, runEngine } from "../workspace.ts";
import { type Found, goneResources, matchPlanned, orphans, plannedCreations, targetsOf } from "./find.ts";
import { type Listing, labelled } from "./kinds.ts";

export interface AdoptArgs {
  deployment: Deployment;
  state: State;
  access: HetznerAccess;
  /** As `phasewise-stack=dev`. */
  labelSelector: string;
  /** An earlier update of this stack from here did not end well. */
  unfinished: boolean;
  /** Servers that are off are turned on: a change of their type that was cut off leaves them so. */
  turnOn: boolean;
  preview(): Promise<RunReport>;
  /** Runs the program for `targets` alone, with the ids of what is found. */
  takeOver(found: Found[], targets: string[]): Promise<RunReport>;
}

/** A network with a subnet, a server on it, its attachments: each round finds what hangs on the round before. */
const rounds = 5;

/**
 * Brings the state in line with the cloud after an update that was killed: what was made and not recorded is
 * imported, what is recorded and gone is forgotten, operations that were under way are cleared. Where nothing
 * of that kind is the matter it costs one listing of the cloud.
 * @returns Whether anything was changed in the state.
 */
export async function adopt(args: AdoptArgs, ctx: OperationContext): Promise<boolean> {
  const listing = await listCloud(args.access, args.labelSelector);
  if (args.turnOn) await turnOn(args.access, listing, ctx);
  const forgotten = await forgetGone(args, listing, ctx);
  const needed =
    orphans(listing, args.state.resources).length > 0 || args.state.pending.length > 0 || args.unfinished;
  if (!needed) return forgotten;
  let imported = 0;
  for (let round = 0; round < rounds; round += 1) {
    const state = (await readState(args.deployment)) ?? args.state;
    const planned = plannedCreations((await args.preview()).events);
    const found = matchPlanned(planned, listing, state.resources);
    if (found.length === 0) break;
    for (const one of found) ctx.onLine(`taking over ${resourceLabel(one.urn)}, which an earlier run made`);
    await takeOver(args, found, targetsOf(found, planned, state.resources));
    imported += found.length;
  }
  if (args.state.pending.length > 0) await clearPending(args.deployment, ctx);
  return forgotten || imported > 0 || args.state.pending.length > 0;
}

/** All labelled objects of the stack, asked for at the same time. */
export async function listCloud(access: HetznerAccess, labelSelector: string): Promise<Listing> {
  const collections = Object.values(labelled);
  const items = await Promise.all(
    collections.map((collection) => listAll(access, collection, labelSelector)),
  );
  return Object.fromEntries(collections.map((collection, index) => [collection, items[index] ?? []]));
}

async function takeOver(args: AdoptArgs, found: Found[], targets: string[]): Promise<void> {
  try {
    await args.takeOver(found, targets);
  } catch (error) {
    if (error instanceof Problem && error.exitCode === 130) throw error;
    const reasons =
      error instanceof Problem ? [error.happened, ...error.details] : messageOf(error).split("\n");
    throw new Problem({
      happened: "What an earlier run had made in the cloud could not be taken over into the state.",
      details: [...found.map((one) => `${resourceLabel(one.urn)}: id ${one.id}`), ...reasons],
      left: "Nothing was changed in the cloud.",
      todo: [
        "Run it again; if it fails again, delete the objects named above in the cloud and run it once more.",
      ],
      cause: error,
    });
  }
}

async function turnOn(access: HetznerAccess, listing: Listing, ctx: OperationContext): Promise<void> {
  const off = (listing.servers ?? []).filter((server) => server.status === "off");
  for (const server of off) ctx.onLine(`turning on ${server.name}, which is off`);
  await Promise.all(off.map((server) => powerOn(access, String(server.id))));
}

async function clearPending(deployment: Deployment, ctx: OperationContext): Promise<void> {
  const { stack } = deployment.file;
  await withEngineLock(deployment, ctx.onLine, async () => {
    const exported = await runEngine(deployment, ["stack", "export", "--stack", stack]);
    await runEngine(deployment, ["stack", "import", "--stack", stack], {
      input: withoutPending(exported.stdout),
    });
  });
}

async function forgetGone(args: AdoptArgs, listing: Listing, ctx: OperationContext): Promise<boolean> {
  const gone = goneResources(args.state.resources, await existingIds(args, listing), listing);
  if (gone.length === 0) return false;
  for (const urn of gone) ctx.onLine(`${resourceLabel(urn)} is gone from the cloud`);
  const targets = gone.flatMap((urn) => ["--target", urn]);
  await withEngineLock(args.deployment, ctx.onLine, () =>
    runEngine(args.deployment, [
      ...["refresh", "--yes", "--skip-preview", "--suppress-outputs", "--stack", args.deployment.file.stack],
      ...targets,
    ]),
  );
  return true;
}

/** The ids that exist by collection; what has lost its labels is asked for by its id. */
async function existingIds(
  { state, access }: AdoptArgs,
  listing: Listing,
): Promise<Record<string, Set<string>>> {
  const ids: Record<string, Set<string>> = {};
  for (const [collection, items] of Object.entries(listing))
    ids[collection] = new Set(items.map((item) => `${item.id}`));
  await Promise.all(
    state.resources.map(async ({ type, id }) => {
      const collection = labelled[type];
      if (!collection || !id || ids[collection]?.has(id)) return;
      if (await getOne(access, collection, id)) ids[collection]?.add(id);
    }),
  );
  return ids;
}
