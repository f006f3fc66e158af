import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, expect, test } from "vitest";
import { s3Client } from "../../clients/s3.ts";
import type { SshSession } from "../../clients/ssh.ts";
import type { Topology } from "../../infra/topology.ts";
import type { OperationContext } from "../../operations/context.ts";
import { missingRows } from "../../operations/drill/checks.ts";
import { type Live, readLive } from "../../operations/drill/live.ts";
import { restoreNewest } from "../../operations/drill/restoreDrill.ts";
import { repositoriesOf } from "../../operations/restore/repositories.ts";
import { cloudAccess, judgeSize, withScratch } from "../../operations/restore/scratch.ts";
import { type Cluster, readDeployed } from "../../operations/topology.ts";
import { openWorld } from "../../operations/verify/world.ts";
import { Problem } from "../../toolchain/problem.ts";
import { Stack } from "./stack.ts";

/** A repository is damaged in ten ways, one after the other; each time the drill's restore says what it can do. */
const stack = new Stack("damaged");
const ctx: OperationContext = { signal: new AbortController().signal, onLine: () => {} };
const ROOT = "postgresql/";

let topology: Topology;
let cluster: Cluster;
let client: S3Client;
let bucket: string;
let full: string;
let diff: string;
/** Segments of the log that follow the newest backup, the oldest first. */
let segments: string[];

beforeAll(async () => {
  await stack.reset();
  await stack.up();
  process.env.PHASEWISE_DIR = stack.directory;
  await stack.eventually(async () => {
    const { clusters } = await stack.json<{ clusters: { backups: unknown[] }[] }>("backups", stack.name);
    expect(clusters[0]!.backups.length).toBeGreaterThan(0);
  });
  await stack.sql("create table kept as select i, repeat('x', 500) as t from generate_series(1, 20000) i");
  await stack.expectOk("backup", stack.name, "--type", "diff");
  ({ topology } = await readDeployed(stack.name, ctx));
  cluster = topology.clusters[0]!;
  const [store] = topology.buckets;
  bucket = store!.name;
  client = s3Client(store!);
  const before = new Set(await keys("archive/main/"));
  for (const name of ["one", "two"]) {
    await stack.sql(`create table after_${name} as select generate_series(1, 1000) i`);
    await stack.expectOk("restore-point", name, stack.name);
  }
  segments = (await keys("archive/main/")).filter(
    (key) => !before.has(key) && /\/[0-9A-F]{24}-[0-9a-f]{40}\.zst$/.test(key),
  );
  const labels = [...new Set((await keys("backup/main/")).map((key) => key.split("/")[3]!))];
  full = labels.find((label) => /^\d+-\d+F$/.test(label))!;
  diff = labels.find((label) => /^\d+-\d+F_\d+-\d+D$/.test(label))!;
});

afterAll(async () => {
  client?.destroy();
  await stack.remove();
});

async function keys(prefix: string): Promise<string[]> {
  const page = await client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: `${ROOT}${prefix}` }));
  expect(page.IsTruncated).toBeFalsy();
  return (page.Contents ?? []).map(({ Key }) => Key!);
}

async function bytesOf(Key: string): Promise<Buffer> {
  const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key }));
  return Buffer.from(await Body!.transformToByteArray());
}

async function put(Key: string, Body: Buffer): Promise<void> {
  await client.send(new PutObjectCommand({ Bucket: bucket, Key, Body }));
}

/** Every object whose key matches is changed (null: deleted) while `use` runs, and then as it was. */
async function damaged<T>(
  prefix: string,
  pattern: RegExp,
  change: (content: Buffer) => Buffer | null,
  use: () => Promise<T>,
): Promise<T> {
  const hit = (await keys(prefix)).filter((key) => pattern.test(key));
  expect(hit.length).toBeGreaterThan(0);
  const before = new Map<string, Buffer>();
  for (const key of hit) before.set(key, await bytesOf(key));
  try {
    for (const [key, content] of before) {
      const changed = change(content);
      if (changed === null) await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }));
      else await put(key, changed);
    }
    return await use();
  } finally {
    for (const [key, content] of before) await put(key, content);
  }
}

const gone = () => null;
const flipped = (content: Buffer) => {
  const copy = Buffer.from(content);
  const middle = Math.floor(copy.length / 2);
  copy[middle] = copy[middle]! ^ 0x40;
  return copy;
};
const cut = (content: Buffer) => content.subarray(0, Math.floor(content.length / 2));

interface Outcome {
  backup: string | null;
  ok: boolean;
  words: string;
  missing: number | null;
}

async function tryRestore(session: SshSession, live: Live): Promise<Outcome> {
  try {
    const { backup, check } = await restoreNewest(session, { cluster, branches: [] }, ctx);
    const missing = await missingRows({ session, cluster, live, ctx });
    return { backup: backup.label, ok: check.ok, words: check.detail, missing };
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    const words = [error.happened, ...error.details].join("; ");
    return { backup: null, ok: false, words, missing: null };
  }
}

test("each damage is found, and the newest backup that is good is named", async () => {
  const { deployment } = await readDeployed(stack.name, ctx);
  const access = await cloudAccess(deployment, ctx);
  await using world = openWorld(topology, { unavailable: "not asked" }, ctx);
  const live = (await readLive(world, cluster, ctx))!;
  const size = await judgeSize(access, topology, cluster, { serverType: null, bytes: 0 });
  const wish = { ...size, bytes: 0, writable: true, keepUntil: null };
  const repository = repositoriesOf(topology)[0]!;
  const found = await withScratch(
    { access, topology, cluster, repository },
    wish,
    ctx,
    async (_, session) => {
      const attempt = () => tryRestore(session, live);
      const outcomes: Record<string, Outcome> = {};
      const inDiff = `backup/main/${diff}/`;
      const anyFile = /\/(bundle|pg_data)\//;
      outcomes.sound = await attempt();
      outcomes["flipped byte"] = await damaged(inDiff, anyFile, flipped, attempt);
      outcomes["missing file"] = await damaged(inDiff, anyFile, gone, attempt);
      outcomes["missing manifest"] = await damaged(inDiff, /\/backup\.manifest/, gone, attempt);
      outcomes["all damaged"] = await damaged("backup/main/", anyFile, flipped, attempt);
      const segment = new RegExp(`^${segments[0]!}$`);
      outcomes["missing segment"] = await damaged("archive/main/", segment, gone, attempt);
      outcomes["truncated segment"] = await damaged("archive/main/", segment, cut, attempt);
      outcomes["missing backup.info"] = await damaged("backup/main/", /\/backup\.info$/, gone, attempt);
      outcomes["missing archive.info"] = await damaged("archive/main/", /\/archive\.info/, gone, attempt);
      const configuration = "/etc/pgbackrest/pgbackrest.conf";
      await session.exec(
        `cp -a ${configuration} /root/kept && sed -i 's/^repo1-cipher-pass = .*/repo1-cipher-pass = wrong/' ${configuration}`,
      );
      outcomes["wrong key"] = await attempt();
      await session.exec(`cp -a /root/kept ${configuration}`);
      outcomes["empty bucket"] = await damaged("", /./, gone, attempt);
      return outcomes;
    },
  );
  const { sound, ...damages } = found;
  expect(sound).toEqual({ backup: diff, ok: true, words: diff, missing: 0 });
  expect(Object.keys(damages)).toHaveLength(10);
  for (const name of ["flipped byte", "missing file", "missing manifest"]) {
    // The log that follows is the same for both backups: nothing is lost.
    expect(damages[name], name).toMatchObject({ backup: full, ok: false, missing: 0 });
    expect(damages[name]!.words, name).toContain(
      `the newest backup that can be restored is ${full}; ${diff}: `,
    );
  }
  expect(damages["all damaged"]).toMatchObject({ backup: null, ok: false });
  for (const name of ["missing segment", "truncated segment"]) {
    const outcome = damages[name]!;
    // Either the restore says so, or what it brought back lacks what was acknowledged.
    expect(outcome.backup === null || (outcome.missing ?? 0) > 0, `${name}: ${JSON.stringify(outcome)}`).toBe(
      true,
    );
  }
  expect(damages["missing backup.info"]).toMatchObject({ backup: diff, ok: true, missing: 0 });
  for (const name of ["missing archive.info", "wrong key", "empty bucket"])
    expect(damages[name], name).toMatchObject({ backup: null, ok: false });
  expect(damages["empty bucket"]!.words).toContain("There is no backup of main that can be read.");
}, 600_000);
