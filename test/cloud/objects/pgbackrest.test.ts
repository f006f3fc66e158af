import { execFileSync, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CreateBucketCommand, ListObjectsV2Command, PutObjectCommand } from "@aws-sdk/client-s3";
import pLimit from "p-limit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { s3Client } from "../../../clients/s3.ts";
import { cleanDirectory, type SpawnedStorage, spawnStorage } from "./spawn.ts";

const Bucket = "phasewise-backups";
const directory = cleanDirectory("pgbackrest");
const pgbackrest = findPgbackrest();

/** pgBackRest as it is installed, else out of Debian's package, without installing that; or why there is none. */
function findPgbackrest(): { path: string } | { missing: string } {
  const installed = spawnSync("sh", ["-c", "command -v pgbackrest"], { encoding: "utf8" });
  if (installed.status === 0) return { path: installed.stdout.trim() };
  // apt fetches as a user of its own.
  chmodSync(directory, 0o777);
  const fetched = spawnSync("sh", ["-c", "apt-get download pgbackrest && dpkg -x pgbackrest_*.deb package"], {
    cwd: directory,
    encoding: "utf8",
  });
  const path = join(directory, "package/usr/bin/pgbackrest");
  if (fetched.status !== 0) return { missing: `apt-get cannot download it: ${fetched.stderr.trim()}` };
  const tried = spawnSync(path, ["version"], { encoding: "utf8" });
  return tried.status === 0 ? { path } : { missing: `it does not run here: ${tried.stderr.trim()}` };
}

describe.skipIf("missing" in pgbackrest)(
  `pgBackRest${"missing" in pgbackrest ? ` (${pgbackrest.missing})` : ""}`,
  () => {
    let storage: SpawnedStorage;
    let configuration: string;

    beforeAll(async () => {
      storage = await spawnStorage(directory);
      const client = s3Client(storage);
      await client.send(new CreateBucketCommand({ Bucket }));
      client.destroy();
      configuration = join(directory, "pgbackrest.conf");
      writeFileSync(configuration, configurationText(storage), { mode: 0o600 });
    });
    afterAll(async () => {
      await storage.kill();
      rmSync(directory, { recursive: true, force: true });
    });

    function run(args: string[], options: { input?: string | Buffer; configuration?: string } = {}): Buffer {
      const { path } = pgbackrest as { path: string };
      const config = `--config=${options.configuration ?? configuration}`;
      return execFileSync(path, [config, "--log-level-file=off", ...args], {
        input: options.input,
        maxBuffer: 64 * 1024 * 1024,
        stdio: ["pipe", "pipe", "pipe"],
      });
    }

    test("puts, lists, gets and removes, with spaces and slashes in the names", () => {
      run(["repo-put", "folder/one.txt"], { input: "one" });
      run(["repo-put", "folder/two + three.txt"], { input: "two" });
      run(["repo-put", "folder/deeper/four.txt"], { input: "four" });
      expect(
        String(run(["repo-ls", "folder"]))
          .split("\n")
          .filter(Boolean),
      ).toEqual(["deeper", "one.txt", "two + three.txt"]);
      expect(
        Object.keys(JSON.parse(String(run(["repo-ls", "--recurse", "--output=json", "folder"])))),
      ).toContain("deeper/four.txt");
      expect(String(run(["repo-get", "folder/two + three.txt"]))).toBe("two");
      run(["repo-rm", "--recurse", "folder"]);
      expect(String(run(["repo-ls"])).trim()).toBe("");
    });

    test("puts a large file in parts and gets it back", async () => {
      const content = randomBytes(40 * 1024 * 1024);
      run(["repo-put", "large"], { input: content });
      expect(run(["repo-get", "large"]).equals(content)).toBe(true);
      const client = s3Client(storage);
      const listed = await client.send(new ListObjectsV2Command({ Bucket, Prefix: "repo/large" }));
      expect(listed.Contents![0]!.ETag).toMatch(/-\d+"$/);
      client.destroy();
    });

    test("goes through more than one page of a listing", async () => {
      const client = s3Client(storage);
      const keys = Array.from({ length: 1100 }, (_, index) => `repo/many/${String(index).padStart(4, "0")}`);
      const limit = pLimit(16);
      await Promise.all(
        keys.map((Key) => limit(() => client.send(new PutObjectCommand({ Bucket, Key, Body: "x" })))),
      );
      client.destroy();
      expect(
        String(run(["repo-ls", "many"]))
          .trim()
          .split("\n"),
      ).toHaveLength(1100);
      run(["repo-rm", "--recurse", "many"]);
      expect(String(run(["repo-ls", "many"])).trim()).toBe("");
    });

    test("is refused with wrong keys, and without the authority", () => {
      const text = readFileSync(configuration, "utf8");
      const changed = (name: string, from: string | RegExp, to: string) => {
        const path = join(directory, `${name}.conf`);
        writeFileSync(path, text.replace(from, to), { mode: 0o600 });
        return { configuration: path };
      };
      expect(() => run(["repo-get", "x"], changed("secret", /key-secret=.*/, "key-secret=wrong"))).toThrow(
        "SignatureDoesNotMatch",
      );
      expect(() => run(["repo-get", "x"], changed("key", /s3-key=.*/, "s3-key=NOBODY"))).toThrow(
        "InvalidAccessKeyId",
      );
      expect(() => run(["repo-ls"], changed("authority", /.*ca-file=.*\n/, ""))).toThrow(/certificate/i);
    });
  },
);

function configurationText(storage: SpawnedStorage): string {
  const { port } = new URL(storage.endpoint);
  mkdirSync(join(directory, "spool"), { recursive: true });
  return `[global]
repo1-type=s3
repo1-path=/repo
repo1-s3-bucket=${Bucket}
repo1-s3-endpoint=localhost
repo1-s3-region=${storage.region}
repo1-s3-uri-style=path
repo1-s3-key=${storage.accessKey}
repo1-s3-key-secret=${storage.secretKey}
repo1-storage-port=${port}
repo1-storage-ca-file=${directory}/ca.crt
lock-path=${directory}/spool
spool-path=${directory}/spool
io-timeout=5
`;
}
