import { rm } from "node:fs/promises";
import writeFileAtomic from "write-file-atomic";
import { listAll } from "../../../clients/hetzner.ts";
import { Documents } from "../../../clients/s3/documents.ts";
import { S3Problem } from "../../../clients/s3/explain.ts";
import { stackLabels } from "../../../components/labels.ts";
import type { OriginSetting } from "../../../infra/config/origin.ts";
import { hetznerPlan, type Plan } from "../../../infra/hetzner/plan.ts";
import type { Origin } from "../../../infra/origin.ts";
import { blueprintOf } from "../../../infra/phases/available.ts";
import type { Topology } from "../../../infra/topology.ts";
import { Problem } from "../../../toolchain/problem.ts";
import type { OperationContext } from "../../context.ts";
import { readStackFile } from "../../deploy/stackFile.ts";
import { type UpOptions, type UpReport, up } from "../../deploy/up.ts";
import { type Deployment, openDeployment, readState } from "../../deploy/workspace.ts";
import { renewKit } from "../../recoveryKit/recoveryKit.ts";
import { type Cluster, readDeployed } from "../../topology.ts";
import type { VerifyReport } from "../../verify/check.ts";
import { verifyAfterUp } from "../../verifyStack.ts";
import { judgeClock } from "../clock.ts";
import type { Reached } from "../reached.ts";
import { type ChosenRepository, chooseRepository } from "../repositories.ts";
import { clusterOf, planRestore, type Way } from "../restore.ts";
import { cipherOf, cloudAccess } from "../scratch.ts";
import { parseTarget, type Target, targetText } from "../target.ts";
import { type Draft, draftOf, textOf } from "./draft.ts";
import { besideFaults } from "./faults.ts";
import { originOf } from "./origin.ts";
import { reachedOn } from "./restored.ts";
import { withoutOrigin } from "./settings.ts";

export interface BesideOptions extends Pick<UpOptions, "confirm"> {
  /** As `parseTarget` wants it. */
  to: string;
  /** The new stack. */
  beside: string;
  /** Which cluster of the old one, where there are several. */
  cluster?: string;
  /** From which of its repositories; the first one that answers if left out. */
  repository?: number;
  verify: boolean;
}

/** What `restore --beside --json` prints. */
export interface BesideReport {
  /** The new stack, and the one whose data it has. */
  stack: string;
  source: string;
  cluster: string;
  target: string;
  /** The backup it began with. */
  backup: string;
  reached: Reached;
  /** Why the result may not be what was asked for; null where nothing speaks against it. */
  warning: string | null;
  /** Of the whole. */
  seconds: number;
  up: UpReport;
  /** Null where it was not asked for. */
  verify: VerifyReport | null;
}

/**
 * Makes a new stack whose database is another one's at a moment, and which lives on by itself: with machines, keys,
 * passwords and backups of its own. The other one is only read from. What was begun is written into the new stack's file
 * first and taken out of it last, so that a run which was killed is gone on with by the same command.
 * @throws Problem (exit 2) with everything that stands in its way, before anything is made.
 */
export async function restoreBeside(
  source: string,
  options: BesideOptions,
  ctx: OperationContext,
): Promise<BesideReport> {
  const begin = Date.now();
  const { beside: stack, to } = options;
  const target = parseTarget(to);
  const { topology, deployment } = await readDeployed(source, ctx);
  const old = clusterOf(topology, options.cluster);
  cipherOf(topology, old);
  const setting: OriginSetting = { stack: source, cluster: old.name, to };
  const draft = await draftOf(topology, setting, stack);
  const plan = hetznerPlan(blueprintOf(draft.config), draft.config, stack);
  const repository = await chooseRepository(topology, old, options.repository, ctx);
  const wish = { topology, deployment, old, repository, setting, target, draft, plan };
  const way = await requirePossible(wish, ctx);
  const origin = await originOf(topology, repository, { old, new: plan.clusters[0]!.name }, target, way, ctx);
  const before = await begun(draft, setting);
  const report = await upOrTakeBack(stack, { ...options, origin }, before, ctx);
  const recovered = await reachedOn(report.deployment, ctx);
  const warning = await judgeClock(repository.bucket, old, recovered, ctx);
  ctx.onLine(`${stack} has the data of ${source}; what it knows of ${source} is taken off its machines`);
  await up(stack, { refresh: false, origin: null }, ctx);
  const { path, text } = await readStackFile(stack);
  await writeFileAtomic(path, withoutOrigin(text));
  const { deployment: made } = report;
  const finished = { ...made, file: await readStackFile(stack) };
  await renewKit(finished, ctx);
  const verify = options.verify ? await verifyAfterUp(finished, ctx) : null;
  return {
    stack,
    source,
    cluster: old.name,
    target: targetText(target),
    backup: way.backup.label,
    reached: recovered.reached,
    warning,
    seconds: Math.round((Date.now() - begin) / 100) / 10,
    up: report.report,
    verify,
  };
}

interface Wish {
  topology: Topology;
  deployment: Deployment;
  old: Cluster;
  repository: ChosenRepository;
  setting: OriginSetting;
  target: Target;
  draft: Draft;
  plan: Plan;
}

/** @throws Problem (exit 2) with all that keeps it from being done. */
async function requirePossible(wish: Wish, ctx: OperationContext): Promise<Way> {
  const { deployment, draft, old, plan, setting, topology } = wish;
  const { stack } = draft.file;
  const access = await cloudAccess(deployment, ctx);
  const [asked, state, held, servers] = await Promise.all([
    askWay(wish, ctx),
    openDeployment(draft.file, ctx).then(readState),
    heldBy(topology, draft),
    listAll(access, "servers"),
  ]);
  const own = Object.entries(stackLabels(stack));
  const made = servers.filter(({ labels }) =>
    own.every(([key, value]) => (labels as Record<string, string> | undefined)?.[key] === value),
  );
  const reasons = besideFaults({
    stack,
    origin: setting,
    source: { ...old, buckets: topology.buckets },
    target: asked.fault,
    bytes: asked.way?.backup.bytes ?? 0,
    config: { ...draft.config, buckets: bucketsOf(topology, draft) },
    resources: state?.resources.length ?? 0,
    held,
    servers: { there: servers.length, coming: Math.max(0, plan.machines.length - made.length) },
  });
  if (reasons.length === 0 && asked.way !== null) return asked.way;
  throw new Problem({
    happened: `${setting.stack} cannot be restored into ${stack} beside it:`,
    details: reasons,
    left: "Nothing was touched.",
    todo: ["Put these right, then run it again."],
    exitCode: 2,
  });
}

/** The way to the target, or what is wrong with that, beside whatever else is. */
async function askWay(
  { old, repository, target, topology }: Wish,
  ctx: OperationContext,
): Promise<{ way: Way | null; fault: string | null }> {
  try {
    return { way: await planRestore(topology, old, target, ctx, repository), fault: null };
  } catch (error) {
    if (!(error instanceof Problem) || error.exitCode !== 2) throw error;
    return { way: null, fault: [error.happened, ...error.todo].join(" ") };
  }
}

/** Where the new stack's buckets are: the address of an embedded object storage is no setting. */
function bucketsOf({ buckets: [bucket] }: Topology, { config, file }: Draft) {
  const { backup, objectStorage } = config;
  const own = {
    name: objectStorage.bucket,
    endpoint: file.embedded ? bucket!.endpoint : objectStorage.endpoint,
  };
  const second = backup.secondRepository;
  return [own, ...(second ? [{ name: second.bucket, endpoint: second.endpoint }] : [])];
}

/**
 * How much the new stack's bucket holds where backups are, as far as the old one's keys can tell: where they cannot,
 * the bucket itself refuses what is in it when it is made.
 */
async function heldBy(topology: Topology, draft: Draft): Promise<number> {
  const bucket = topology.buckets[0]!;
  const { endpoint, name } = bucketsOf(topology, draft)[0]!;
  if (endpoint !== bucket.endpoint || name === bucket.name) return 0;
  using store = new Documents(bucket, name);
  try {
    return (await store.entries("postgresql/")).length;
  } catch (error) {
    if (error instanceof S3Problem && ["NoSuchBucket", "AccessDenied"].includes(error.code)) return 0;
    throw error;
  }
}

/**
 * Writes down what is begun, before anything is made.
 * @returns What the file was before; null where there was none, undefined where it said so already.
 * @throws Problem (exit 2) where only a person can go on: a new stack's secrets are its own.
 */
async function begun(draft: Draft, setting: OriginSetting): Promise<string | null | undefined> {
  const { config, file, secrets, there } = draft;
  if (config.origin === undefined) await writeFileAtomic(file.path, textOf(draft, setting));
  if (secrets.length > 0) {
    const { stack } = file;
    throw new Problem({
      happened: `stacks/Pulumi.${stack}.yaml ${there ? "lacks" : "is written and wants"} secrets of its own.`,
      left: "Nothing else was made.",
      todo: [
        `npx pulumi stack init ${stack}`,
        ...secrets.map((name) => `npx pulumi config set --stack ${stack} --secret ${name}`),
        `Then run this again: npx phasewise restore ${setting.stack} --to ${setting.to} --beside ${stack}`,
      ],
      exitCode: 2,
    });
  }
  if (config.origin !== undefined) return undefined;
  return there ? file.text : null;
}

/** What was not confirmed leaves no file behind that says it was begun. */
async function upOrTakeBack(
  stack: string,
  { confirm, origin }: Pick<BesideOptions, "confirm"> & { origin: Origin },
  before: string | null | undefined,
  ctx: OperationContext,
) {
  const asking: Pick<UpOptions, "confirm"> = confirm
    ? {
        confirm: async (planned, text) => {
          const yes = await confirm(planned, text);
          if (!yes && before !== undefined) await putBack(stack, before);
          return yes;
        },
      }
    : {};
  return await up(stack, { refresh: true, origin, ...asking }, ctx);
}

async function putBack(stack: string, before: string | null): Promise<void> {
  const { path } = await readStackFile(stack);
  if (before === null) await rm(path);
  else await writeFileAtomic(path, before);
}
