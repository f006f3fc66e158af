import { failureText } from "../../clients/converger/failure.ts";
import { runConverger } from "../../clients/converger.ts";
import { type HetznerAccess, listAll } from "../../clients/hetzner.ts";
import { connect, type SshSession } from "../../clients/ssh.ts";
import type { Topology } from "../../infra/topology.ts";
import { Problem } from "../../toolchain/problem.ts";
import { interrupted, type OperationContext } from "../context.ts";
import { productionAccess } from "../deploy/access.ts";
import { ensureCloud } from "../deploy/cloud.ts";
import type { Deployment } from "../deploy/workspace.ts";
import type { Cluster } from "../topology.ts";
import type { ChosenRepository } from "./repositories.ts";
import { scratchManifest, scratchSecrets } from "./scratchManifest.ts";
import {
  keepScratch,
  orderScratch,
  removeScratch,
  type Scratch,
  scratchName,
  scratchTarget,
  sweepScratch,
} from "./scratchServer.ts";
import { chooseType, serverTypeOf } from "./size.ts";

/** How long a machine that is not kept may live (milliseconds): the next run removes it then, whatever happened. */
const lifetime = 6 * 3600_000;
/** How long it may take to be brought to its manifest, in seconds: packages may have to be fetched. */
const convergeSeconds = 900;
const firstContactSeconds = 300;

export interface ScratchWish {
  /** Null takes that of the stack's first machine with the cluster on it. */
  serverType: string | null;
  /** What the restore needs of the disk. */
  bytes: number;
  writable: boolean;
  /** Until when the machine is to stay; null removes it at the end, however that comes. */
  keepUntil: Date | null;
}

/** How the cloud of a stack is reached; an embedded one is started where it does not run. */
export async function cloudAccess(deployment: Deployment, ctx: OperationContext): Promise<HetznerAccess> {
  if (!deployment.file.embedded) return productionAccess(deployment);
  const { endpoint, token } = await ensureCloud(ctx);
  return { endpoint, token };
}

/** The key of a cluster's backups. @throws Problem where the stack does not tell it yet. */
export function cipherOf(topology: Topology, cluster: Cluster): string {
  if (cluster.backupCipher !== null) return cluster.backupCipher;
  throw new Problem({
    happened: `${topology.stack} was brought up by an older version of Phasewise, which did not write down the key of its backups.`,
    left: "Nothing was touched.",
    todo: [`Run \`npx phasewise up ${topology.stack}\`, then this again.`],
  });
}

/**
 * The size of the throw-away machine, judged before anything is made.
 * @throws Problem (exit 2) where no disk is large enough, or there is no such type.
 */
export async function judgeSize(
  access: HetznerAccess,
  topology: Topology,
  cluster: Cluster,
  wish: Pick<ScratchWish, "serverType" | "bytes">,
): Promise<{ serverType: string; cores: number }> {
  const member = topology.machines.find((machine) => cluster.members.includes(machine.name))!;
  const { location } = topology.machines[0]!;
  const types = (await listAll(access, "server_types")).map((item) => serverTypeOf(item, location));
  const asked = { asked: wish.serverType, own: member.serverType, bytes: wish.bytes };
  const { cores, name } = chooseType(types, asked);
  return { serverType: name, cores };
}

export interface ScratchPlace {
  access: HetznerAccess;
  topology: Topology;
  cluster: Cluster;
  /** The repository that the machine reads, and no other. */
  repository: ChosenRepository;
}

/**
 * Makes a throw-away machine, lets `use` work on it and removes it, however that ends: also what earlier runs left
 * that died. Only `keepUntil`, and only after a success, lets it stay.
 */
export async function withScratch<T>(
  place: ScratchPlace,
  wish: ScratchWish & { serverType: string; cores: number },
  ctx: OperationContext,
  use: (scratch: Scratch, session: SshSession) => Promise<T>,
): Promise<T> {
  const { access, topology } = place;
  const { stack } = topology;
  for (const left of await sweepScratch(access, stack, new Date()))
    ctx.onLine(`removed ${left}, which an earlier run left`);
  ctx.signal.throwIfAborted();
  const { location } = topology.machines[0]!;
  const name = scratchName(stack);
  const order = { name, serverType: wish.serverType, location, until: new Date(Date.now() + lifetime) };
  let kept = false;
  try {
    const scratch = await orderScratch(access, topology, order);
    ctx.onLine(`the throw-away machine ${name} is ordered (${wish.serverType}, ${scratch.address})`);
    await converge(scratch, place, wish, ctx);
    const session = await connect(scratchTarget(topology, scratch), { signal: ctx.signal });
    try {
      const result = await use(scratch, session);
      if (wish.keepUntil !== null) await keepScratch(access, stack, scratch, wish.keepUntil);
      kept = wish.keepUntil !== null;
      return result;
    } finally {
      session.close();
    }
  } catch (error) {
    if (ctx.signal.aborted)
      throw interrupted("The throw-away machine was removed; the stack was not touched.", "Run it again.");
    throw error;
  } finally {
    if (!kept) {
      await removeScratch(access, stack, name);
      ctx.onLine(`the throw-away machine ${name} is removed`);
    }
  }
}

async function converge(
  scratch: Scratch,
  { cluster, repository: { bucket }, topology }: ScratchPlace,
  wish: { cores: number; writable: boolean },
  ctx: OperationContext,
): Promise<void> {
  const result = await runConverger(
    scratchTarget(topology, scratch),
    {
      mode: "converge",
      manifest: scratchManifest(scratch.name, cluster, bucket, wish),
      secrets: scratchSecrets(cipherOf(topology, cluster), bucket),
      hostKey: null,
      deadlineSeconds: convergeSeconds,
    },
    {
      signal: ctx.signal,
      connectSeconds: firstContactSeconds,
      firstBoot: true,
      onEvent: (event) => {
        if (event.event === "progress") ctx.onLine(`  ${scratch.name}: ${event.message}`);
      },
      onWait: () => undefined,
    },
  );
  if (result.ok) return;
  throw new Problem({
    happened: `The throw-away machine ${scratch.name} could not be set up.`,
    details: failureText(scratch.name, result).split("\n"),
    left: "The stack itself was not touched.",
    todo: ["Put right what it says, then run it again."],
  });
}
