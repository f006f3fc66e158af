import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Machines } from "../../../../operations/machines.ts";
import { retire } from "../../../../operations/membership/postgres.ts";
import type { Cluster } from "../../../../operations/topology.ts";

let folder: string;

/** A machine as far as its shell goes, with programs that write down what they were asked. */
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "retire-"));
  for (const name of ["bin", "data/postgresql/17/main", "var/lib/prometheus/node-exporter"])
    mkdirSync(join(folder, name), { recursive: true });
  const program = (name: string, text: string) => {
    writeFileSync(join(folder, "bin", name), `#!/bin/sh\n${text}\n`);
    chmodSync(join(folder, "bin", name), 0o755);
  };
  program("systemctl", `echo "$*" >> ${folder}/asked\ncase $1 in cat | is-active) exit 1 ;; esac`);
  program("pgrep", "exit 1");
  program("runuser", "echo 0");
});
afterEach(() => rmSync(folder, { recursive: true }));

const cluster = { name: "main", members: ["core-1", "db-1"], postgresVersion: 17 } as Cluster;

function machinesIn(place: string): Machines {
  const patroni = {
    cluster: async () => ({ members: [{ name: "db-1", role: "leader", state: "running" }] }),
    patchConfiguration: async () => {},
  };
  return {
    named: (name: string) => ({ name }),
    patroni: async () => patroni,
    anyEtcd: async () => {},
    run: async (_: unknown, command: string) => {
      const here = command.replaceAll(/(?<![\w.])\/(data|var)\//g, `${place}/$1/`);
      const env = { PATH: `${join(place, "bin")}:${process.env.PATH}` };
      return (await execa("sh", ["-c", here], { env, input: "" })).stdout;
    },
  } as unknown as Machines;
}

test("what a retired member told of its backups is taken away, after what writes it was ended", async () => {
  const numbers = join(folder, "var/lib/prometheus/node-exporter/phasewise-backup.prom");
  writeFileSync(numbers, "phasewise_repository_answered_timestamp_seconds 1\n");
  await retire(machinesIn(folder), cluster, { name: "core-1" } as never);
  expect(existsSync(numbers)).toBe(false);
  expect(existsSync(join(folder, "data/postgresql/17/main"))).toBe(false);
  const ended = readFileSync(join(folder, "asked"), "utf8")
    .split("\n")
    .find((line) => line.startsWith("disable"));
  for (const unit of ["watch.timer", "watch.service", "verify.timer", "full.timer", "diff.timer"])
    expect(ended).toContain(`phasewise-backup-${unit}`);
  expect(ended).toMatch(/^disable --now .*patroni\.service$/);
});

test("a primary is never retired", async () => {
  const act = retire(machinesIn(folder), cluster, { name: "db-1" } as never);
  await expect(act).rejects.toThrow("db-1 is the primary of main");
  expect(existsSync(join(folder, "asked"))).toBe(false);
});
