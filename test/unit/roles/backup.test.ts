import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { newestBackup, unreadableBecause } from "../../../roles/backupInfo.ts";
import {
  backupUnit,
  pgbackrest,
  pgbackrestFirstBackupStep,
  pgbackrestStanzaStep,
} from "../../../roles/pgbackrest.ts";
import { backupSettings, fileOf } from "./machine.ts";

const CONFIGURATION = "/etc/pgbackrest/pgbackrest.conf";

test("an object storage with an authority of its own gets that authority's file", () => {
  const repository = { ...backupSettings.repository, endpoint: "198.18.0.1", port: 9000, ownAuthority: true };
  const role = pgbackrest({ ...backupSettings, repository });
  expect(fileOf(role, "/etc/phasewise/tls/backup-ca.pem").content).toBe("{{secret:backup-ca-certificate}}");
  expect(fileOf(role, CONFIGURATION).content).toContain(
    "repo1-storage-ca-file = /etc/phasewise/tls/backup-ca.pem\n",
  );
  expect(fileOf(pgbackrest(backupSettings), CONFIGURATION).content).not.toContain("storage-ca-file");
});

test("a full backup each Sunday, a differential one each other day, both at 02:00 UTC", () => {
  const role = pgbackrest(backupSettings);
  const timer = (type: string) => fileOf(role, `/etc/systemd/system/phasewise-backup-${type}.timer`).content;
  expect(timer("full")).toContain("OnCalendar=Sun *-*-* 02:00:00 UTC\n");
  expect(timer("diff")).toContain("OnCalendar=Mon,Tue,Wed,Thu,Fri,Sat *-*-* 02:00:00 UTC\n");
  expect(timer("diff")).toContain("Unit=phasewise-backup-due@diff.service\n");
});

test("the stanza is there as soon as its status is ok or no backup yet", () => {
  const pattern = /grep -Eq '(.*)'$/.exec(pgbackrestStanzaStep({ stanza: "main" }).probe)![1]!;
  const matches = (code: number) => new RegExp(pattern).test(`[{"status":{"code":${code},"lock":{}}}]`);
  expect([0, 1, 2, 3, 20].map(matches)).toEqual([true, false, true, false, false]);
});

function info(backups: object[], held = false) {
  return JSON.stringify([
    { name: "other", status: { message: "ok" }, backup: [] },
    { name: "main", status: { code: 0, message: "ok", lock: { backup: { held } } }, backup: backups },
  ]);
}

const backup = (label: string, type: string, stop: number, error = false) => ({
  label,
  type,
  error,
  timestamp: { start: stop - 1, stop },
  info: { size: 31675540 },
});

test("the newest backup without an error counts", () => {
  const json = info([
    backup("20261121-071913F", "full", 1795245554),
    backup("20261121-071913F_20261122-020001D", "diff", 1795312801),
    backup("20261121-071913F_20261123-020001D", "diff", 1795399201, true),
  ]);
  expect(newestBackup(json, "main")).toEqual({
    label: "20261121-071913F_20261122-020001D",
    type: "diff",
    finishedAt: new Date("2026-11-22T02:00:01Z"),
    bytes: 31675540,
    status: "ok",
    running: false,
  });
});

test("no backup yet, but one is being made", () => {
  expect(newestBackup(info([], true), "main")).toMatchObject({
    label: null,
    finishedAt: null,
    running: true,
  });
});

test("a key that is not the repository's is told, line ends and all", () => {
  const repo = [{ status: { code: 99, message: "[CryptoError] unable to load|HINT: is the key right?" } }];
  const status = { code: 99, message: "other" };
  // As pgBackRest prints it: with line ends that JSON does not allow.
  const raw = JSON.stringify([{ name: "main", status, repo, backup: [] }]).replace("|", "\n");
  expect(newestBackup(raw, "main")).toMatchObject({
    label: null,
    status: "[CryptoError] unable to load HINT: is the key right?",
  });
});

test("of a request that failed the headers are left out", () => {
  const message =
    "[ProtocolError] HTTP request failed with 404 (Not Found):\n*** Path/Query ***:\nGET /acme/?prefix=x\n*** Request Headers ***:\nhost: a";
  expect(unreadableBecause({ repo: [{ status: { code: 99, message } }] })).toBe(
    "[ProtocolError] HTTP request failed with 404 (Not Found)",
  );
});

test("a stanza that is not there is an error", () => {
  expect(() => newestBackup("[]", "main")).toThrow('pgBackRest knows no stanza "main"');
});

test("the first backup is begun where there is none and none is being made, and not waited for", () => {
  const { probe, act } = pgbackrestFirstBackupStep({ stanza: "main" });
  const pattern = /grep -Eq '(.*)' \|\|/.exec(probe)![1]!;
  expect('[{"name":"main","status":{"code":0,"message":"ok"}}]').toMatch(new RegExp(pattern));
  expect('[{"name":"main","status":{"code":2,"message":"no valid backups"}}]').not.toMatch(
    new RegExp(pattern),
  );
  expect(probe).toContain(`${backupUnit("full")} ${backupUnit("diff")} | grep -q =activating`);
  expect(act).toBe(`systemctl start --no-block ${backupUnit("full")}`);
});

test("with two repositories each must have one, and the one that lacks it costs the other no full one", () => {
  const { probe, act } = pgbackrestFirstBackupStep({ stanza: "main", repositories: 2 });
  const folder = mkdtempSync(join(tmpdir(), "phasewise-first-"));
  const run = (command: string, ...have: number[]) => {
    const info = `#!/bin/sh\ncase "$*" in ${[...have.map((one) => `*--repo=${one}*`), "none"].join("|")}) echo '"status":{"code":0,' ;; esac\n`;
    writeFileSync(join(folder, "runuser"), info, { mode: 0o755 });
    writeFileSync(join(folder, "systemctl"), '#!/bin/sh\necho "$*" >> calls\n', { mode: 0o755 });
    rmSync(join(folder, "calls"), { force: true });
    const environment = { ...process.env, PATH: `${folder}:${process.env.PATH}` };
    const { status } = spawnSync("sh", ["-c", command], { cwd: folder, env: environment });
    return { status, calls: () => readFileSync(join(folder, "calls"), "utf8") };
  };
  try {
    expect([run(probe, 1, 2), run(probe, 1), run(probe, 2), run(probe)].map(({ status }) => status)).toEqual([
      0, 1, 1, 1,
    ]);
    const started = (type: "full" | "diff") => `start --no-block ${backupUnit(type)}\n`;
    expect(run(act).calls()).toBe(started("full"));
    expect(run(act, 1).calls()).toBe(started("diff"));
    expect(run(act, 2).calls()).toBe(started("diff"));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a stanza is made again while PostgreSQL's tries to archive hold pgBackRest's lock, and not after another fault", () => {
  const folder = mkdtempSync(join(tmpdir(), "phasewise-stanza-"));
  const { act } = pgbackrestStanzaStep({ stanza: "main" });
  const made = (...codes: number[]) => {
    writeFileSync(join(folder, "codes"), codes.join("\n"));
    const fake = `#!/bin/sh\ncode=$(head -1 codes); sed -i 1d codes; echo "$*" >> calls; exit $code\n`;
    for (const name of ["runuser", "sleep"])
      writeFileSync(join(folder, name), name === "sleep" ? "#!/bin/sh\n" : fake, { mode: 0o755 });
    const environment = { ...process.env, PATH: `${folder}:${process.env.PATH}` };
    return spawnSync("sh", ["-c", act], { cwd: folder, env: environment }).status;
  };
  try {
    expect(made(50, 50, 0)).toBe(0);
    const call = "-u postgres -- pgbackrest --stanza=main stanza-create\n";
    expect(readFileSync(join(folder, "calls"), "utf8")).toBe(call.repeat(3));
    expect(made(37, 0)).toBe(37);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
