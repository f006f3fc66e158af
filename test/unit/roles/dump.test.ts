import { expect, test } from "vitest";
import { composeManifest } from "../../../roles/compose.ts";
import { dump } from "../../../roles/dump.ts";
import { pythonTests } from "../pythonTests.ts";
import { backupSettings, fileOf, roleNamed } from "./machine.ts";

const folder = new URL("./python/", import.meta.url);
const sources = new URL("../../../roles/", import.meta.url);
const role = roleNamed("dump");

test("which dumps are due and which go, in Python's own unittest", async () => {
  expect(await pythonTests("test_dump", folder, sources)).toMatch(/^OK$/m);
});

test("keys are in files of root's alone, and in nothing that is executed", () => {
  const secret = role.files.filter(({ content }) => content.includes("{{secret:"));
  expect(secret.map(({ path }) => path.split("/").at(-1))).toEqual(["storage.json", "cipher.password"]);
  for (const one of secret) expect(one).toMatchObject({ owner: "root", mode: "0600" });
});

test("it stands beside the backups of a cache on one machine", () => {
  const roles = [role, roleNamed("redis-backup")];
  expect(() => composeManifest({ hostname: "core-1", mounts: [], roles })).not.toThrow();
});

test("both repositories are in its settings, each with its own keys and authority", () => {
  const { repository } = backupSettings;
  const own = dump({
    cluster: "main",
    postgresVersion: 17,
    name: "core-1",
    databases: ["app"],
    at: "03:00",
    jobs: 2,
    repositories: [
      { ...repository, ownAuthority: true, keepDays: 7 },
      { ...repository, bucket: "second", ownAuthority: true, keepDays: 8 },
    ],
  });
  const folder = "/etc/phasewise/dump";
  expect(fileOf(own, `${folder}/ca.pem`)).toMatchObject({
    mode: "0600",
    content: "{{secret:backup-ca-certificate}}",
  });
  expect(fileOf(own, `${folder}/second-ca.pem`).content).toBe("{{secret:second-backup-ca-certificate}}");
  expect(JSON.parse(fileOf(own, `${folder}/storage.json`).content)).toEqual([
    { accessKey: "{{secret:backup-access-key}}", secretKey: "{{secret:backup-secret-key}}" },
    { accessKey: "{{secret:second-backup-access-key}}", secretKey: "{{secret:second-backup-secret-key}}" },
  ]);
  expect(JSON.parse(fileOf(own, `${folder}/settings.json`).content)).toMatchObject({
    repositories: [
      { bucket: "phasewise-backups", ca: `${folder}/ca.pem`, keepDays: 7 },
      { bucket: "second", ca: `${folder}/second-ca.pem`, keepDays: 8 },
    ],
    at: 180,
    prefix: "dumps/main/",
    databases: ["app"],
  });
});
