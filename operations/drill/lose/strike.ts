import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { change, getOne, type HetznerAccess, HetznerError, listAll } from "../../../clients/hetzner.ts";
import type { OperationContext } from "../../context.ts";
import { listCloud } from "../../deploy/adopt/adopt.ts";
import { labelSelector } from "../../deploy/prepare.ts";
import { type Deployment, embeddedPaths, projectName } from "../../deploy/workspace.ts";
import { rotateObjectKeys } from "../../embeddedCloud.ts";
import { sweepScratch } from "../../restore/scratchServer.ts";
import type { LossJournal } from "./journal.ts";

/** How long one object may take to go (milliseconds). */
const patience = 120_000;

/** In the order in which they can go: what stands on something goes before it. */
const ORDER = [
  "servers",
  "load_balancers",
  "volumes",
  "networks",
  "firewalls",
  "primary_ips",
  "placement_groups",
  "ssh_keys",
];

export interface Struck {
  deployment: Deployment;
  access: HetznerAccess;
}

/** Makes the loss. What is gone already is no error, so that one that was cut off is ended by the next run. */
export async function strike(journal: LossJournal, struck: Struck, ctx: OperationContext): Promise<void> {
  const { access, deployment } = struck;
  if (journal.loss === "bucket-credentials") return await rotateObjectKeys(ctx);
  for (const id of journal.servers) await remove(access, "servers", id);
  for (const id of journal.volumes) await remove(access, "volumes", id);
  if (journal.loss !== "everything") return;
  const { stack } = deployment.file;
  const listing = await listCloud(access, labelSelector(stack));
  for (const collection of ORDER)
    for (const { id } of listing[collection] ?? []) await remove(access, collection, String(id));
  await sweepScratch(access, stack, new Date(Date.now() + 365 * 86_400_000));
  await forgetLocally(deployment);
}

/** Pulumi's state of the stack with its backups, its working copy; the passphrase where no other stack needs it. */
async function forgetLocally({ backend, file: { stack }, folder }: Deployment): Promise<void> {
  if (backend === null) throw new Error(`${stack} keeps its state elsewhere`);
  const root = join(backend, ".pulumi");
  const stacks = join(root, "stacks", projectName);
  for (const name of await namesIn(stacks))
    if (name === `${stack}.json` || name.startsWith(`${stack}.json.`))
      await rm(join(stacks, name), { force: true });
  for (const kind of ["backups", "history", join("locks", "organization")])
    await rm(join(root, kind, projectName, stack), { recursive: true, force: true });
  await rm(folder, { recursive: true, force: true });
  const others = (await namesIn(stacks)).filter((name) => name.endsWith(".json"));
  if (others.length === 0) await rm(embeddedPaths.passphrase(), { force: true });
}

async function namesIn(folder: string): Promise<string[]> {
  return await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
}

async function remove(access: HetznerAccess, collection: string, id: string): Promise<void> {
  const end = Date.now() + patience;
  for (;;) {
    try {
      await change(access, "DELETE", `/${collection}/${id}`);
    } catch (error) {
      if (!(error instanceof HetznerError)) throw error;
      if (error.status === 404) return;
      if (error.status < 500 && !PASSING.includes(error.code ?? "")) throw error;
      if (Date.now() > end) throw error;
    }
    if ((await getOne(access, collection, id)) === null) return;
    if (Date.now() > end)
      throw new Error(`${collection}/${id} is still there after ${patience / 60_000} minutes`);
    await sleep(300);
  }
}

/** Something that stands on it is just going. */
const PASSING = ["resource_in_use", "locked", "conflict", "must_be_unassigned", "service_error"];

/** Everything of a stack that the cloud still has, by name. */
export async function remains(access: HetznerAccess, stack: string): Promise<string[]> {
  const found = await Promise.all(
    ORDER.map((collection) => listAll(access, collection, labelSelector(stack))),
  );
  return found.flat().map(({ name }) => name);
}
