import { expect, test } from "vitest";
import { directory, file, reload, role, running } from "../../../roles/build.ts";
import { composeManifest } from "../../../roles/compose.ts";
import { imagePackages } from "../../../roles/imagePackages.ts";
import { secretNames } from "../../../roles/secrets.ts";
import { machine, roles } from "./machine.ts";

function faults(...parts: Parameters<typeof composeManifest>[0]["roles"]): string {
  try {
    composeManifest({ hostname: "core-1", mounts: [], roles: parts });
    return "none";
  } catch (error) {
    return (error as Error).message;
  }
}

test("the machine of phase 1 is free of contradictions, its roles in order", () => {
  const manifest = machine();
  expect(manifest.version).toBe(1);
  expect(manifest.roles.map((one) => one.name)).toEqual(roles.map((one) => one.name));
});

test("packages are sorted, each once, whatever order a role gives them", () => {
  const manifest = composeManifest({
    hostname: "core-1",
    mounts: [],
    roles: [role("a", { packages: ["zsh", "bash", "zsh"], hold: ["zsh", "bash"] })],
  });
  expect(manifest.roles[0]).toMatchObject({ packages: ["bash", "zsh"], hold: ["bash", "zsh"] });
});

test("two roles with the same file, unit or name: all faults at once", () => {
  const one = role("one", { files: [file("/etc/x", "1")], units: [running("x.service")] });
  const two = role("two", { files: [file("/etc/x", "2")], units: [running("x.service")] });
  expect(faults(one, two, two)).toBe(
    [
      "The manifest of core-1 is contradictory, nothing was sent to it:",
      "- role two is there twice",
      "- file /etc/x is managed by one and two and two",
      "- unit x.service is managed by one and two and two",
    ].join("\n"),
  );
});

test("a directory may be named by several roles, but not with different owners", () => {
  const shared = role("one", { directories: [directory("/srv/a"), directory("/srv/b")] });
  const same = role("two", { directories: [directory("/srv/a")] });
  const other = role("three", { directories: [directory("/srv/b", { owner: "postgres", mode: "0700" })] });
  expect(faults(shared, same)).toBe("none");
  expect(faults(shared, other)).toContain(
    "- directory /srv/b: role one wants root:root 0755, role three wants postgres:postgres 0700",
  );
});

test("a reaction to a unit that no role has is a fault", () => {
  expect(faults(role("one", { files: [file("/etc/x", "", { onChange: reload("y.service") })] }))).toContain(
    "- a change of /etc/x (role one) concerns y.service, which no role has",
  );
});

test("paths, modes, held packages and host names are checked", () => {
  const wrong = role("one", { hold: ["gone"], files: [file("etc/x", "", { mode: "644" })] });
  expect(faults(wrong)).toBe(
    [
      "The manifest of core-1 is contradictory, nothing was sent to it:",
      "- role one holds gone but does not install it",
      '- "etc/x" is no absolute path',
      '- etc/x: "644" is no mode',
    ].join("\n"),
  );
  expect(() => composeManifest({ hostname: "Core_1", mounts: [], roles: [] })).toThrow(
    '"Core_1" is no host name',
  );
  const mount = { device: "/dev/sdb", path: "/data", filesystem: "ext4" as const, options: [] };
  expect(() => composeManifest({ hostname: "a", mounts: [mount, mount], roles: [] })).toThrow(
    "- /data is mounted twice\n- /dev/sdb is mounted twice",
  );
});

test("the prebaked image holds every package of the machine", () => {
  const needed = machine().roles.flatMap((one) => one.packages);
  const baked = imagePackages();
  expect(needed.filter((name) => !baked.includes(name))).toEqual([]);
  expect(baked).toEqual([...new Set(baked)].sort());
});

test("the secrets of a machine are known by name", () => {
  expect(secretNames(machine())).toEqual([
    "alert-heartbeat",
    "alert-mail-password",
    "alert-slack",
    "alert-webhook",
    "application-password",
    "backup-access-key",
    "backup-cipher",
    "backup-secret-key",
    "ca-certificate",
    "endpoint-certificate",
    "endpoint-key",
    "monitor-password",
    "node-certificate",
    "node-key",
    "operator-key",
    "pgbouncer-password",
    "redis-admin-password",
    "redis-backup-cipher",
    "redis-backup-password",
    "redis-monitor-password",
    "redis-password",
    "redis-peer-password",
    "redis-sentinel-password",
    "replicator-password",
    "rewind-password",
    "sentinel-admin-password",
    "sentinel-password",
    "sentinel-peer-password",
  ]);
});

test("files with secrets are closed to other users", () => {
  const open = machine()
    .roles.flatMap((one) => one.files)
    .filter(
      (one) => /\{\{secret:[a-z-]*(key|password|cipher)\}\}/.test(one.content) && !one.mode.endsWith("0"),
    );
  expect(open.map((one) => one.path)).toEqual([]);
});
