import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import type { Receiver } from "./receiver.ts";
import type { Stack } from "./stack.ts";

interface Scene {
  stack: Stack;
  receiver: Receiver;
  /** The machine that leads the cluster. */
  leader: string;
  /** How many segments more than may wait. */
  segments: number;
}

const sql = "runuser -u postgres -- psql -XAtq -d app";
const numbers = "/var/lib/prometheus/node-exporter/phasewise-backup.prom";

/**
 * The keys of the second repository are revoked: it refuses all for good (403). The other one has all log and all
 * backups; which one refuses, and why, is told; and once it takes the keys again it makes up for what it lacks.
 */
export async function secondRepositoryRefuses({ leader, receiver, segments, stack }: Scene): Promise<void> {
  const on = async (command: string) =>
    (await stack.expectOk("ssh", stack.name, leader, "--", command)).trim();
  const backups = async () =>
    (await stack.json<{ clusters: { backups: { label: string; type: string }[] }[] }>("backups", stack.name))
      .clusters;
  const [first, second] = (await backups()).map((one) => one.backups.length);
  const faults = join(stack.directory, "cloud/objects/faults.json");
  writeFileSync(faults, JSON.stringify({ revoked: ["default"], only: `phasewise-${stack.name}-backups-2/` }));
  await on(
    `${sql} -c 'CREATE TABLE refused (n int)'
    for round in $(seq ${segments}); do ${sql} -c "INSERT INTO refused SELECT $round" -c 'SELECT pg_switch_wal()'; done`,
  );
  const made = await stack.run("backup", stack.name);
  expect(made).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(
      /403[\s\S]*Repository 1 has it; elsewhere earlier backups are as they were\./,
    ),
  });
  expect((await backups())[0]!.backups).toHaveLength(first! + 1);

  const asked = async (name: string) => (await stack.verify()).checks.find((check) => check.name === name)!;
  await stack.eventually(async () =>
    expect(await asked("point-in-time")).toMatchObject({
      ok: false,
      detail: expect.stringMatching(
        /^main: log was given up in repository 2; .*; the other repository has all of it$/,
      ),
    }),
  );
  expect((await asked("backup")).detail).toMatch(/main, repository 2: [^;]*403/);
  // Nothing waits any more, and the first one has it.
  const last = await on(`${sql} -c 'SELECT pg_walfile_name(pg_switch_wal())'`);
  await stack.eventually(async () => {
    expect((await stack.archived(`phasewise-${stack.name}-backups`)).join()).toContain(last);
    const ready = "ls /data/postgresql/17/main/pg_wal/archive_status | grep -c ready || true";
    expect(Number(await on(ready))).toBeLessThanOrEqual(2);
  });
  await stack.eventually(async () => {
    const told = (await receiver.alerts()).map(({ labels }) => labels);
    for (const alertname of ["ArchiveGap", "BackupFailed"])
      expect(told).toContainEqual(expect.objectContaining({ alertname, cluster: "main", repository: "2" }));
  });
  const gap = /^phasewise_archive_gap\{cluster="main",repository="1"\} 0$/m;
  expect(await on(`cat ${numbers}`)).toMatch(gap);

  rmSync(faults);
  await stack.eventually(async () =>
    expect(await asked("point-in-time")).toMatchObject({
      ok: true,
      detail: expect.stringMatching(/ in repository 2$/),
    }),
  );
  const [one, two] = (await backups()).map((each) => each.backups);
  expect(one).toHaveLength(first! + 1);
  expect(two!.slice(second).map(({ type }) => type)).toEqual(["full"]);
  expect(await on(`cat ${numbers}`)).not.toMatch(/^phasewise_(archive_gap|archive_failing)\{.* 1$/m);
}
