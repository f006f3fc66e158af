import { expect, expectTypeOf, test } from "vitest";
import { checkInputs } from "../../../../../plugins/native/host/inputs.ts";
import type { Manifest as Accepted } from "../../../../../plugins/native/host/manifest.ts";
import { propertyDiff } from "../../../../../plugins/server/diff.ts";
import { Secret, UNKNOWN } from "../../../../../plugins/server/resource.ts";
import type { Manifest } from "../../../../../roles/manifest.ts";
import { sampleInputs, sampleManifest } from "./sample.ts";

function faults(changes: Record<string, unknown>): string[] {
  return checkInputs(sampleInputs(changes)).failures.map(({ property, reason }) => `${property}: ${reason}`);
}

function changed(
  before: Record<string, unknown>,
  after: Record<string, unknown>,
): Record<string, string> | null {
  return propertyDiff({ olds: checkInputs(before).inputs, news: checkInputs(after).inputs }).detailed;
}

test("what roles write is what Host takes", () => {
  expectTypeOf<Manifest>().toExtend<Accepted>();
  expectTypeOf<Accepted>().toExtend<Manifest>();
});

test("good inputs have no faults, get their defaults, and keep their secrets", () => {
  const { inputs, failures } = checkInputs(sampleInputs());
  expect(failures).toEqual([]);
  expect(inputs.connection).toMatchObject({ port: 22, user: "root", privateKey: expect.any(Secret) });
  expect(inputs.secrets).toEqual({ pw: new Secret("topsecret") });
});

test("every fault is reported at once, with its path", () => {
  const manifest = sampleManifest();
  manifest.hostname = "Core 1";
  manifest.roles[0]!.files[0]!.mode = "640";
  manifest.roles[0]!.directories[0]!.path = "/etc/../x";
  manifest.roles[1]!.units[0]!.name = "redis";
  Object.assign(manifest.roles[1]!, { redy: true });
  expect(faults({ manifest, bootstrapHostKey: "none", deadlineSeconds: 0 })).toEqual([
    'bootstrapHostKey: must be an OpenSSH public key, as "ssh-ed25519 AAAA..."',
    "manifest.hostname: must be a host name without a domain",
    "manifest.roles[0].directories[0].path: must not contain . or ..",
    'manifest.roles[0].files[0].mode: must be four octal digits, as "0640"',
    "manifest.roles[1].units[0].name: must be a unit with its suffix, as x.service",
    "manifest.roles[1].redy: is no known property: is it misspelt?",
    "deadlineSeconds: Too small: expected number to be >0",
  ]);
});

test("what is missing is called missing", () => {
  const { manifest: _manifest, ...rest } = sampleInputs();
  expect(checkInputs(rest).failures).toEqual([{ property: "manifest", reason: "is missing" }]);
});

test("faults that no single value shows", () => {
  const manifest = sampleManifest();
  manifest.roles[1]!.files[0]!.path = "/etc/x/y.conf";
  manifest.roles[1]!.hold.push("nginx");
  manifest.roles[0]!.files[0]!.content = "{{secret:other}} {{secret:a b}}";
  manifest.roles[1]!.files[0]!.beforePackages = true;
  manifest.roles[1]!.directories.push({ path: "/etc/x", owner: "root", group: "root", mode: "0700" });
  expect(faults({ manifest })).toEqual([
    "manifest.roles[0].files[0].content: asks for the secret other, which is not given",
    'manifest.roles[0].files[0].content: "a b" cannot be the name of a secret',
    "manifest.roles[1].directories[1]: /etc/x should be root:root 0700, another role wants root:root 0755",
    "manifest.roles[1].hold[1]: nginx is held but not among the packages of the role",
    "manifest.roles[1].files[0].path: /etc/x/y.conf is there twice",
    "manifest.roles[1].files[0].owner: must be root for a file that is written before packages bring users",
  ]);
});

test("two roles may want the same directory alike", () => {
  const manifest = sampleManifest();
  manifest.roles[1]!.directories.push({ ...manifest.roles[0]!.directories[0]! });
  expect(faults({ manifest })).toEqual([]);
});

test("what a preview does not know is no fault", () => {
  expect(faults({ manifest: UNKNOWN, bootstrapHostKey: UNKNOWN, secrets: { pw: UNKNOWN } })).toEqual([]);
  const manifest = sampleManifest();
  Object.assign(manifest.mounts[0]!, { device: UNKNOWN });
  const { inputs, failures } = checkInputs(sampleInputs({ manifest }));
  expect(failures).toEqual([]);
  expect(inputs.manifest).toMatchObject({
    mounts: { "/data": { device: UNKNOWN } },
    order: ["base", "cache"],
  });
});

test("a known fault beside something unknown is still one", () => {
  const manifest = sampleManifest();
  Object.assign(manifest.mounts[0]!, { device: UNKNOWN, filesystem: "fat" });
  expect(faults({ manifest })).toEqual([
    'manifest.mounts[0].filesystem: Invalid option: expected one of "ext4"|"xfs"',
  ]);
});

test("a changed line shows under its file, a new file as one addition", () => {
  const after = sampleManifest();
  after.roles[0]!.files[0]!.content = "pw={{secret:pw}}\nmore\n";
  after.roles[0]!.files.unshift({ ...after.roles[0]!.files[0]!, path: "/etc/x/first.conf", content: "" });
  expect(changed(sampleInputs(), sampleInputs({ manifest: after }))).toEqual({
    'manifest.roles.base.files["/etc/x/y.conf"].content': "update",
    'manifest.roles.base.files["/etc/x/first.conf"]': "add",
  });
});

test("a changed secret shows by its name only", () => {
  expect(changed(sampleInputs(), sampleInputs({ secrets: { pw: "another" } }))).toEqual({
    "secrets.pw": "update",
  });
});

test("a manifest with a secret in its text is kept as a secret", () => {
  const manifest = sampleManifest();
  Object.assign(manifest.roles[0]!.files[0]!, { content: new Secret("pw=oops") });
  expect(checkInputs(sampleInputs({ manifest })).inputs.manifest).toBeInstanceOf(Secret);
});
