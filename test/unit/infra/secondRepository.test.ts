import { expect, test } from "vitest";
import { machineRoles } from "../../../components/machineRoles.ts";
import { changeFaults, deployedFrom } from "../../../infra/changes.ts";
import { fromPulumi, fromStackFile } from "../../../infra/config.ts";
import { hetznerPlan } from "../../../infra/hetzner/plan.ts";
import { blueprintOf } from "../../../infra/phases/available.ts";
import { config, embedded, faults, production, secure } from "./settings.ts";

const path = "phasewise:backup.secondRepository";
const second = (settings: Record<string, unknown>) => ({
  "phasewise:backup": { secondRepository: settings },
});
const elsewhere = { endpoint: "https://nbg1.your-objectstorage.com", bucket: "acme-production-backups-2" };

test("another region of Hetzner's takes an endpoint and a bucket", () => {
  expect(config(second(elsewhere)).backup.secondRepository).toEqual({
    endpoint: "https://nbg1.your-objectstorage.com",
    region: "nbg1",
    bucket: "acme-production-backups-2",
    accessKey: "encrypted",
    secretKey: "encrypted",
    caCertificate: null,
    retentionDays: 30,
  });
  expect(config().backup.secondRepository).toBeNull();
});

test("on the embedded cloud one line is enough", () => {
  expect(config(second({}), embedded(), "dev").backup.secondRepository).toMatchObject({
    endpoint: "https://198.18.0.1:9000",
    region: "local",
    bucket: "phasewise-dev-backups-2",
  });
});

test("another provider has keys and a region of its own, and may keep backups for longer", () => {
  const given = {
    endpoint: "https://s3.example.com",
    region: "eu-1",
    bucket: "acme",
    accessKey: secure,
    secretKey: secure,
    retentionDays: 90,
  };
  expect(config(second(given)).backup.secondRepository).toEqual({
    ...given,
    accessKey: "encrypted",
    secretKey: "encrypted",
    caCertificate: null,
  });
});

test("all faults are told at once", () => {
  expect(faults(second({ accessKey: secure, retentionDays: 0 }))).toEqual([
    `${path}.retentionDays: 0 | a whole number from 1 to 3650 (days) | set it to 1 or more`,
  ]);
  expect(faults(second({ accessKey: secure }))).toEqual([
    `${path}.endpoint: nothing | an S3 endpoint in another region, or of another provider | write https://nbg1.your-objectstorage.com, which takes the same keys, or another provider's`,
    `${path}.bucket: nothing | 3 to 63 small letters, digits and hyphens, different from all buckets that others have there | choose a name, as acme-production-backups-2`,
    `${path}.secretKey: nothing, but the other key | both keys, or none: then those of objectStorage are used | npx pulumi config set --secret --path ${path}.secretKey (it asks for the value)`,
  ]);
  expect(faults(second({ endpoint: "https://s3.example.com", bucket: "acme" }))).toEqual([
    `${path}.region: nothing | a region's name; only that of Hetzner's endpoints (fsn1, nbg1, hel1) is known by itself | write the name of the bucket's region, as its provider calls it`,
  ]);
});

test("the first repository is no second one", () => {
  const same = { endpoint: "https://fsn1.your-objectstorage.com", bucket: "acme-production-backups" };
  expect(faults(second(same))).toEqual([
    `${path}.bucket: "acme-production-backups", which is the first repository | another bucket, best at another endpoint | choose another name, as acme-production-backups-2`,
  ]);
  expect(faults(second({ bucket: "phasewise-dev-backups" }), embedded(), "dev")).toHaveLength(1);
});

test("its keys stand encrypted in the file", () => {
  const fault = {
    path: `${path}.secretKey`,
    found: "a secret in clear",
    allowed: "an encrypted value",
    fix: `make a new one, as this one may have been read, then npx pulumi config set --secret --path ${path}.secretKey`,
  };
  const clear = { secondRepository: { ...elsewhere, accessKey: secure, secretKey: "s3cret" } };
  expect(fromStackFile("f", { ...production(), "phasewise:backup": clear }).faults).toEqual([fault]);
  const handed = { "phasewise:backup": JSON.stringify({ secondRepository: { secretKey: "s3cret" } }) };
  expect(fromPulumi("f", handed, () => false).faults).toEqual([fault]);
  expect(fromPulumi("f", handed, () => true).faults).toEqual([]);
});

test("the plan has a bucket more, and the cluster backs up into both", () => {
  const settings = config(second({ ...elsewhere, retentionDays: 90 }));
  const plan = hetznerPlan(blueprintOf(settings), settings, "production");
  expect(plan.buckets.map(({ bucket, endpoint, name }) => ({ name, bucket, endpoint }))).toEqual([
    { name: "backups", bucket: "acme-production-backups", endpoint: "https://fsn1.your-objectstorage.com" },
    { name: "second-backups", ...elsewhere },
  ]);
  expect(plan.clusters[0]!.backup).toMatchObject({
    bucket: "backups",
    retentionDays: 30,
    second: { bucket: "second-backups", retentionDays: 90 },
  });
});

test("daily copies go into both: dumps for their own time, a cache's backups for each repository's", () => {
  const settings = config({
    "phasewise:redis": { enabled: true },
    "phasewise:backup": { secondRepository: { ...elsewhere, retentionDays: 90 }, dumps: {} },
  });
  const plan = hetznerPlan(blueprintOf(settings), settings, "production");
  const stored = (name: string) => {
    const role = machineRoles(plan.machines[0]!, plan).find((one) => one.name === name)!;
    const text = role.files.find(({ path }) => path.endsWith("/settings.json"))!.content;
    const { repositories } = JSON.parse(text) as { repositories: { bucket: string; keepDays: number }[] };
    return repositories.map(({ bucket, keepDays }) => [bucket, keepDays]);
  };
  expect(stored("dump")).toEqual([
    ["acme-production-backups", 7],
    ["acme-production-backups-2", 7],
  ]);
  expect(stored("redis-backup")).toEqual([
    ["acme-production-backups", 30],
    ["acme-production-backups-2", 90],
  ]);
});

test("one of two repositories may go elsewhere, not both, and not the only one", () => {
  const changed = (change: Record<string, unknown>, before: Record<string, unknown> = second(elsewhere)) =>
    changeFaults(deployedFrom(config(before), "production"), config(change)).map((fault) => fault.path);
  const other = (bucket: string) => ({
    "phasewise:objectStorage": { bucket, accessKey: secure, secretKey: secure },
  });
  const moved = second({ ...elsewhere, bucket: "acme-3" });
  expect(changed({ ...other("acme-new"), ...second(elsewhere) })).toEqual([]);
  expect(changed(moved)).toEqual([]);
  expect(changed({})).toEqual([]);
  expect(changed({ ...other("acme-new"), ...moved })).toEqual(["phasewise:objectStorage.bucket"]);
  expect(changed(other("acme-new"))).toEqual(["phasewise:objectStorage.bucket"]);
  expect(changed({ ...other("acme-new"), ...second(elsewhere) }, {})).toEqual([
    "phasewise:objectStorage.bucket",
  ]);
});
