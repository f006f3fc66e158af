import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import writeFileAtomic from "write-file-atomic";
import manifest from "../../package.json" with { type: "json" };
import { repository } from "../../toolchain/paths.ts";
import { messageOf, Problem } from "../../toolchain/problem.ts";
import type { OperationContext } from "../context.ts";
import { type Deployment, runEngine } from "../deploy/workspace.ts";
import { openStore } from "../restore/store.ts";
import { type Deployed, readDeployed, readTopology } from "../topology.ts";
import { fingerprintOf, type Kit, parseKit } from "./contents.ts";
import { type Secrets, secretsOf } from "./secrets.ts";

/** Where the newest kit of a stack lies in its bucket, and what is known of it without opening it. */
export const kitKey = (stack: string) => `phasewise/recovery-kit/${stack}.age`;
export const noteKey = (stack: string) => `phasewise/recovery-kit/${stack}.json`;

/** What stands beside a kit, for everybody. */
export interface KitNote {
  madeAt: string;
  fingerprint: string;
  recipients: string[];
}

export interface KitReport extends KitNote {
  stack: string;
  /** Its first bucket, and all of them: it is in each that answered. */
  bucket: string;
  buckets: string[];
  key: string;
  /** Of the encrypted file. */
  bytes: number;
  /** Where else it was written; null where nowhere. */
  file: string | null;
}

/**
 * Writes one file from which everything can be rebuilt, encrypted to the recipients that the stack names, into the
 * bucket and, where asked for, to a file. Nothing of it is ever on disk in clear.
 * @throws Problem (exit 2) where the stack names no recipients.
 */
export async function makeKit(stack: string, file: string | null, ctx: OperationContext): Promise<KitReport> {
  return await writeKit(await readDeployed(stack, ctx), file, ctx);
}

/** Makes a new kit where the stack wants one and that in the bucket is older than its keys, machines or settings. */
export async function renewKit(deployment: Deployment, ctx: OperationContext): Promise<void> {
  const { config, stack, text } = deployment.file;
  if (config["phasewise:recovery"] === undefined) return;
  const topology = await readTopology(deployment, ctx);
  if (topology.recovery.recipients.length === 0) return;
  using store = openStore(topology, ctx.onLine);
  const note = (await store.get(noteKey(stack))) as KitNote | null;
  if (note?.fingerprint === fingerprintOf(topology, text)) return;
  await writeKit({ topology, deployment }, null, ctx);
  ctx.onLine(`a new recovery kit is in the bucket: ${kitKey(stack)}`);
}

async function writeKit(
  { topology, deployment }: Deployed,
  file: string | null,
  ctx: OperationContext,
): Promise<KitReport> {
  const { stack } = deployment.file;
  const { recipients } = topology.recovery;
  if (recipients.length === 0) throw noRecipients(stack);
  const kit = await collect({ topology, deployment }, ctx);
  const text = await encrypt(JSON.stringify(kit), recipients);
  const note: KitNote = { madeAt: kit.madeAt, fingerprint: kit.fingerprint, recipients };
  using store = openStore(topology, ctx.onLine);
  await store.putText(kitKey(stack), text, "application/octet-stream");
  // The note comes last: it never promises a kit that is not there.
  await store.put(noteKey(stack), note);
  if (file !== null) await writeFileAtomic(file, text, { mode: 0o600 });
  const buckets = topology.buckets.map(({ name }) => name);
  return {
    ...note,
    stack,
    bucket: buckets[0]!,
    buckets,
    key: kitKey(stack),
    bytes: Buffer.byteLength(text),
    file,
  };
}

/** A kit of now, encrypted for these recipients, that is kept nowhere. */
export async function kitText(
  deployed: Deployed,
  recipients: readonly string[],
  ctx: OperationContext,
): Promise<string> {
  return await encrypt(JSON.stringify(await collect(deployed, ctx)), recipients);
}

async function collect({ topology, deployment }: Deployed, ctx: OperationContext): Promise<Kit> {
  const { stack, text: settings } = deployment.file;
  return {
    format: "phasewise-recovery-kit",
    version: 1,
    stack,
    madeAt: new Date().toISOString(),
    phasewise: manifest.version,
    settings,
    secrets: await readSecrets(deployment, ctx),
    state: await readPlainState(deployment, ctx),
    topology,
    catalogues: await readCatalogues(deployment.file.config["phasewise:catalogues"]),
    fingerprint: fingerprintOf(topology, settings),
  };
}

/** What a kit holds, taken apart into files that only their owner can read. */
export async function openKit(file: string, identityFile: string, folder: string): Promise<string[]> {
  const kit = await decryptKit(file, identityFile);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
  const parts: Record<string, string> = {
    [`Pulumi.${kit.stack}.yaml`]: kit.settings,
    "state.json": `${JSON.stringify(kit.state, null, 2)}\n`,
    "topology.json": `${JSON.stringify(kit.topology, null, 2)}\n`,
    ...Object.fromEntries(
      Object.entries(kit.catalogues).map(([path, content]) => [
        `catalogue-${path.replace(/[^\w.-]+/g, "-")}`,
        content,
      ]),
    ),
  };
  for (const [name, content] of Object.entries(parts))
    await writeFile(join(folder, name), content, { mode: 0o600 });
  return Object.keys(parts).map((name) => join(folder, name));
}

/** @throws Problem (exit 2) where a file is missing, or the identity is not of one of the kit's recipients. */
export async function decryptKit(file: string, identityFile: string): Promise<Kit> {
  const [text, identity] = await Promise.all([readText(file), readText(identityFile)]);
  return parseKit(await decrypt(text, identity, file));
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new Problem({
      happened: `${file} cannot be read: ${messageOf(error)}.`,
      left: "Nothing was changed.",
      todo: ["Give the path of a file that is there."],
      exitCode: 2,
      cause: error,
    });
  }
}

/** In age's text form. */
export async function encrypt(text: string, recipients: readonly string[]): Promise<string> {
  const { armor, Encrypter } = await import("age-encryption");
  const encrypter = new Encrypter();
  for (const recipient of recipients) encrypter.addRecipient(recipient);
  return armor.encode(await encrypter.encrypt(text));
}

async function decrypt(text: string, identityFile: string, name: string): Promise<string> {
  const { armor, Decrypter } = await import("age-encryption");
  const identities = identityFile.split("\n").filter((line) => line.startsWith("AGE-SECRET-KEY-"));
  try {
    const decrypter = new Decrypter();
    for (const identity of identities) decrypter.addIdentity(identity.trim());
    return await decrypter.decrypt(armor.decode(text), "text");
  } catch (error) {
    throw new Problem({
      happened: `${name} cannot be opened with this identity: ${messageOf(error)}.`,
      left: "Nothing was written.",
      todo: [
        identities.length === 0
          ? "The identity's file holds no line that begins with AGE-SECRET-KEY-: give the one that age-keygen wrote."
          : "Give the identity of one of the recipients that the kit was made for.",
      ],
      exitCode: 2,
      cause: error,
    });
  }
}

async function readPlainState(deployment: Deployment, ctx: OperationContext): Promise<unknown> {
  const args = ["stack", "export", "--show-secrets", "--stack", deployment.file.stack];
  return JSON.parse((await runEngine(deployment, args, { signal: ctx.signal })).stdout);
}

/** An embedded stack's file has none: the running cloud gives them. */
async function readSecrets(deployment: Deployment, ctx: OperationContext): Promise<Secrets> {
  const { config, embedded, stack } = deployment.file;
  if (embedded) return {};
  const args = ["config", "--show-secrets", "--json", "--stack", stack];
  return secretsOf(config, (await runEngine(deployment, args, { signal: ctx.signal })).stdout);
}

/** Those of the stack's own: the others are part of Phasewise. */
async function readCatalogues(setting: unknown): Promise<Record<string, string>> {
  const own = (Array.isArray(setting) ? setting : []).filter(
    (name): name is string => typeof name === "string" && name.includes("/"),
  );
  const texts = await Promise.all(own.map((path) => readFile(join(repository, path), "utf8")));
  return Object.fromEntries(own.map((path, index) => [path, texts[index]!]));
}

function noRecipients(stack: string): Problem {
  return new Problem({
    happened: `${stack} names nobody for whom its recovery kit is encrypted.`,
    left: "Nothing was written.",
    todo: [
      "Make a key: age-keygen -o recovery.key (keep it away from the stack and its bucket; it prints age1...).",
      `Write phasewise:recovery: { recipients: [age1...] } into stacks/Pulumi.${stack}.yaml, run npx phasewise up ${stack}, then this again.`,
    ],
    exitCode: 2,
  });
}
