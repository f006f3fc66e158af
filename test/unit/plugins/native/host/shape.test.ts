import { expect, test } from "vitest";
import type { Difference } from "../../../../../clients/converger/events.ts";
import { asFound } from "../../../../../plugins/native/host/drift.ts";
import {
  restore,
  type StoredManifest,
  store,
  withMountGuards,
} from "../../../../../plugins/native/host/shape.ts";
import { propertyDiff } from "../../../../../plugins/server/diff.ts";
import { UNKNOWN } from "../../../../../plugins/server/resource.ts";
import { sampleManifest } from "./sample.ts";

const stored = () => store(sampleManifest()) as StoredManifest;

test("the stored form gives the same manifest back", () => {
  expect(restore(stored())).toEqual(sampleManifest());
});

test("roles keep their order, whatever the order of names in the state", () => {
  const { order, roles, ...rest } = stored();
  const shuffled = { ...rest, order, roles: Object.fromEntries(Object.entries(roles).reverse()) };
  expect(restore(shuffled).roles.map((role) => role.name)).toEqual(["base", "cache"]);
});

test("a manifest whose files are not known yet is not known", () => {
  const manifest = sampleManifest();
  Object.assign(manifest.roles[0]!, { files: UNKNOWN });
  expect(store(manifest)).toBe(UNKNOWN);
});

test("units of roles that keep something on a volume wait for it", () => {
  const guarded = withMountGuards(sampleManifest());
  expect(guarded.roles[0]?.files).toHaveLength(1);
  expect(guarded.roles[1]?.files[1]).toEqual({
    path: "/etc/systemd/system/redis-server.service.d/10-phasewise-mounts.conf",
    owner: "root",
    group: "root",
    mode: "0644",
    content: "[Unit]\nRequiresMountsFor=/data\n",
  });
});

test("a path that only begins like a mount point is not on it", () => {
  const manifest = sampleManifest();
  manifest.roles[1]!.directories[0]!.path = "/database";
  expect(withMountGuards(manifest)).toEqual(manifest);
});

test("a unit that is to be stopped waits for nothing", () => {
  const manifest = sampleManifest();
  manifest.roles[1]!.units[0]!.state = "stopped";
  expect(withMountGuards(manifest)).toEqual(manifest);
});

/** The way back that a preview shows after a refresh found `differences`. */
function wayBack(...differences: Difference[]): Record<string, string> | null {
  return propertyDiff({ olds: { manifest: asFound(stored(), differences) }, news: { manifest: stored() } })
    .detailed;
}

test("drift shows as the way back, item by item", () => {
  expect(wayBack()).toEqual({});
  expect(
    wayBack(
      {
        role: "base",
        kind: "file",
        name: "/etc/x/y.conf",
        what: ["content", "mode"],
        actual: { kind: "file", mode: "0777", owner: "root", group: "root", content: "pw (hidden)\n" },
      },
      { role: "cache", kind: "directory", name: "/data/redis", what: ["missing"] },
      { role: "cache", kind: "package", name: "redis-server", what: ["not held"] },
      {
        role: "cache",
        kind: "unit",
        name: "redis-server.service",
        what: ["enable", "start"],
        actual: { active: "failed" },
      },
      { role: null, kind: "mount", name: "/data", what: ["unit", "mounted"] },
      { role: null, kind: "hostname", name: "core-1", what: ["differs"], actual: { hostname: "other" } },
    ),
  ).toEqual({
    'manifest.roles.base.files["/etc/x/y.conf"].content': "update",
    'manifest.roles.base.files["/etc/x/y.conf"].mode': "update",
    'manifest.roles.cache.directories["/data/redis"]': "add",
    "manifest.roles.cache.hold[0]": "add",
    "manifest.roles.cache.units[0].found": "delete",
    'manifest.mounts["/data"].found': "delete",
    "manifest.hostname": "update",
  });
});

test("what has no place of its own in the manifest is drift all the same", () => {
  const found = asFound(stored(), [
    { role: null, kind: "owed", name: "x.service", what: ["reload"] },
    { role: "cache", kind: "step", name: "gone", what: ["not done"] },
  ]);
  expect(found.found).toEqual(["owed x.service: reload", "step gone: not done"]);
});

test("what was found never reaches the machine", () => {
  const found = asFound(stored(), [
    { role: "cache", kind: "step", name: "before", what: ["not done"] },
    { role: "cache", kind: "ready", name: "redis", what: ["not ready"] },
    {
      role: "cache",
      kind: "unit",
      name: "redis-server.service",
      what: ["start"],
      actual: { active: "inactive" },
    },
    { role: null, kind: "mount", name: "/data", what: ["size"] },
  ]);
  expect(found.mounts["/data"]?.found).toBe("smaller than its device");
  expect(restore(found)).toEqual(sampleManifest());
});
