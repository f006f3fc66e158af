import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import writeFileAtomic from "write-file-atomic";
import { z } from "zod";
import { dataFolder } from "../../../toolchain/paths.ts";

export const losses = ["machine", "volume", "bucket-credentials", "everything"] as const;
/** What a disaster drill loses. */
export type Loss = (typeof losses)[number];

/**
 * How far a disaster drill is, so that one that was killed goes on: `ready` nothing is lost yet, `striking` it is being
 * lost, `struck` it is being rebuilt. No secret is in it.
 */
const schema = z.object({
  loss: z.enum(losses),
  stage: z.enum(["ready", "striking", "struck"]),
  startedAt: z.string(),
  struckAt: z.string().nullable(),
  cluster: z.string(),
  /** Ids of servers and volumes that are taken away. */
  servers: z.array(z.string()),
  volumes: z.array(z.string()),
  /** Name of the canary's run; null where the stack did not answer. */
  run: z.string().nullable(),
  /** Acknowledged rows that must be there afterwards, as many of each of the canary's segments; null: all. */
  must: z.record(z.string(), z.number()).nullable(),
  /** How long the last mark took into the bucket, in seconds, and after how many a segment that is not full goes. */
  archivedAfter: z.number().nullable(),
});

export type LossJournal = z.infer<typeof schema>;

/** Beside the stack's own state, which may be among what is lost. */
export function lossFolder(stack: string): string {
  return join(dataFolder(), "disaster-drills", stack);
}

export const lossPaths = {
  journal: (stack: string) => join(lossFolder(stack), "drill.json"),
  ledger: (stack: string) => join(lossFolder(stack), "acknowledged"),
  kit: (stack: string) => join(lossFolder(stack), "kit.age"),
  /** Of a drill whose stack names no recipients: made for it, and removed after it. */
  identity: (stack: string) => join(lossFolder(stack), "identity.key"),
};

/** Null where no drill is under way. */
export async function readLossJournal(stack: string): Promise<LossJournal | null> {
  try {
    return schema.parse(JSON.parse(await readFile(lossPaths.journal(stack), "utf8")));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

export async function writeLossJournal(stack: string, journal: LossJournal): Promise<void> {
  await mkdir(lossFolder(stack), { recursive: true, mode: 0o700 });
  await writeFileAtomic(lossPaths.journal(stack), `${JSON.stringify(journal, null, 2)}\n`, { mode: 0o600 });
}

/** The drill is over: nothing of it stays here. */
export async function removeLossJournal(stack: string): Promise<void> {
  await rm(lossPaths.journal(stack), { force: true });
  await rm(lossFolder(stack), { recursive: true, force: true });
}
