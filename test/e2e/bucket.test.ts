import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { BucketClient } from "../../clients/s3/bucket.ts";
import { readObjectStorageAccess } from "../../cloud/objects/server.ts";
import { ensurePulumi } from "../../toolchain/pulumi/ensure.ts";
import { Stack } from "./stack.ts";

/**
 * The bucket's bad days, as a stack at Hetzner meets them: wrong keys, a name that somebody else has, a bucket with
 * something in it. The embedded cloud stands in for Hetzner; the stack does not know that it is embedded.
 */
const stack = new Stack("bucket");
const stranger = { name: "somebody", accessKey: "SOMEBODYSOMEBODY0000", secretKey: "somebody-s-secret" };
const taken = "phasewise-test-taken";
const own = "phasewise-test-bucket";

interface Storage {
  endpoint: string;
  region: string;
  accessKey: string;
  secretKey: string;
  caCertificate: string;
}
let storage: Storage;

async function pulumi(args: string[], input: string): Promise<void> {
  const root = await ensurePulumi({ onLine: () => {} });
  const command = [...args, "--stack", stack.name, "--non-interactive"];
  await execa(join(root, "bin/pulumi"), command, {
    env: stack.env,
    input,
    cwd: join(import.meta.dirname, "../.."),
  });
}

/** Writes the stack's file as one at Hetzner has it, its secrets encrypted by Pulumi. */
async function configure(bucket: string, keys: { accessKey: string; secretKey: string }): Promise<void> {
  const { endpoint, region, caCertificate } = storage;
  const { endpoint: api, token } = await stack.cloudEnv();
  rmSync(stack.file, { force: true });
  const config = {
    "hcloud:endpoint": api,
    "hcloud:pollInterval": "100ms",
    "phasewise:phase": 1,
    "phasewise:environment": "staging",
    "phasewise:deletionProtection": false,
    "phasewise:volume": { sizeGb: 10 },
    "phasewise:access": { operators: ["198.18.0.0/15"], database: [] },
    "phasewise:objectStorage": { endpoint, region, bucket, caCertificate },
  };
  writeFileSync(stack.file, stringify({ config }));
  const secrets = {
    "hcloud:token": token,
    "phasewise:objectStorage.accessKey": keys.accessKey,
    "phasewise:objectStorage.secretKey": keys.secretKey,
  };
  await pulumi(["stack", "select", "--create"], "");
  for (const [key, value] of Object.entries(secrets))
    await pulumi(["config", "set", "--secret", "--path", key], value);
}

/** Everything that there is at the cloud. */
async function inventory(): Promise<Record<string, unknown[]>> {
  const kinds = [
    "servers",
    "volumes",
    "networks",
    "primary_ips",
    "firewalls",
    "placement_groups",
    "ssh_keys",
  ];
  const found = await Promise.all(
    kinds.map(async (kind) => [kind, (await stack.api<Record<string, unknown[]>>("GET", `/${kind}`))[kind]!]),
  );
  return Object.fromEntries(found.filter(([, items]) => items!.length > 0));
}

async function contentOf(name: string, keys: { accessKey: string; secretKey: string }) {
  const client = new BucketClient({ ...storage, ...keys }, name);
  try {
    return (await client.exists()) ? await client.contents(3) : null;
  } finally {
    client.close();
  }
}

beforeAll(async () => {
  await stack.reset();
  await stack.expectOk("cloud", "start");
  // A second customer of the same object storage.
  const path = join(stack.directory, "cloud/objects/keys.json");
  const { accounts } = JSON.parse(readFileSync(path, "utf8"));
  writeFileSync(path, JSON.stringify({ accounts: [...accounts, stranger] }));
  await stack.expectOk("cloud", "stop");
  await stack.expectOk("cloud", "start");
  const access = (await readObjectStorageAccess(join(stack.directory, "cloud/objects")))!;
  const { objectStorage: endpoint } = await stack.json<{ objectStorage: string }>("cloud", "status");
  storage = { ...access, endpoint, region: "fsn1" };
  const theirs = new BucketClient({ ...storage, ...stranger }, taken);
  await theirs.ensure();
  theirs.close();
  // Where an operator's Pulumi keeps its state, and the passphrase of its secrets.
  const backend = join(stack.directory, "backend");
  mkdirSync(backend);
  stack.env.PULUMI_BACKEND_URL = `file://${backend}`;
  stack.env.PULUMI_CONFIG_PASSPHRASE = "correct horse battery staple";
});

afterAll(() => stack.remove());

describe("before anything is made", () => {
  for (const command of [["preview"], ["up", "--yes", "--no-verify"]] as const) {
    test(`wrong S3 keys: ${command[0]} says so and leaves nothing behind`, async () => {
      await configure(own, { accessKey: storage.accessKey, secretKey: "not-the-right-one" });
      const outcome = await stack.run(command[0], stack.name, ...command.slice(1));
      expect(outcome.code).not.toBe(0);
      expect(outcome.stderr).toContain(
        "does not accept the access key [secret] with its secret key. Check both: they belong together",
      );
      expect(outcome.stderr).not.toContain("not-the-right-one");
      expect(await inventory()).toEqual({});
    });

    test(`a bucket of somebody else: ${command[0]} says what to do and leaves it alone`, async () => {
      await configure(taken, storage);
      const outcome = await stack.run(command[0], stack.name, ...command.slice(1));
      expect(outcome.code).not.toBe(0);
      expect(outcome.stderr).toMatch(/The bucket belongs to somebody else .*choose another name/s);
      expect(await inventory()).toEqual({});
      await stack.expectOk("destroy", stack.name, "--yes");
      expect(await contentOf(taken, stranger)).toEqual({ keys: [], more: false, uploads: 0 });
    });
  }
});

describe("a stack that keeps its backups", () => {
  test("destroy leaves the bucket, and a new up does not take it over with what is in it", async () => {
    await configure(own, storage);
    await stack.up();
    await stack.eventually(async () => expect((await contentOf(own, storage))!.keys).not.toEqual([]));
    await stack.expectOk("destroy", stack.name, "--yes");
    expect(await inventory()).toEqual({});
    const kept = (await contentOf(own, storage))!;
    expect(kept.keys[0]).toMatch(/^postgresql\//);
    const outcome = await stack.run("up", stack.name, "--yes", "--no-verify");
    expect(outcome.code).not.toBe(0);
    expect(outcome.stderr).toContain(`The bucket ${own} at`);
    expect(outcome.stderr).toContain("is there already and is not empty");
    expect(await inventory()).toEqual({});
    expect(await contentOf(own, storage)).toEqual(kept);
    await stack.expectOk("destroy", stack.name, "--yes");
  });

  test("destroy takes the bucket along where the stack says so", async () => {
    await configure(`${own}-2`, storage);
    const text = readFileSync(stack.file, "utf8");
    writeFileSync(
      stack.file,
      text.replace("config:", "config:\n  phasewise:backup: { keepOnDestroy: false }"),
    );
    await stack.up();
    await stack.expectOk("destroy", stack.name, "--yes");
    expect(await contentOf(`${own}-2`, storage)).toBeNull();
  });
});
