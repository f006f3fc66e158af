import { afterAll, beforeAll, expect, test } from "vitest";
import type { WatchedCanary } from "../../operations/rollout/clients.ts";
import { killedIn } from "./killed.ts";
import { Stack } from "./stack.ts";
import { currentTurn, isTurnOf } from "./turn.ts";
import { Writer } from "./writer.ts";

/** Planned work on real machines: what clients notice is what was announced, and nothing acknowledged is lost. */
const stack = new Stack("rollout");
/** PHASEWISE_ROLLOUT_PHASE=3: all of it, with gateways that are drained. */
const phase = Number(process.env.PHASEWISE_ROLLOUT_PHASE ?? 2);
let writer: Writer;

interface Report {
  outcome: string;
  seconds: number;
  machines: { machine: string; work: string[]; notice: string | null }[];
  canary: WatchedCanary;
  cutovers: { heldMs: number }[];
  pending: unknown[];
}

async function rollout(...args: string[]): Promise<Report> {
  const report = await stack.json<Report>("rollout", stack.name, ...args, "--yes");
  const { canary, machines, seconds } = report;
  process.stderr.write(
    `rollout ${args.join(" ")}: ${machines.length} machines in ${seconds} s, ${canary?.acknowledged} rows, ${canary?.errors} errors, worst wait ${canary?.worstStallMs} ms\n`,
  );
  return report;
}

/** Every moment comes round in the course of days; every other turn is the reboots'. */
const round = Math.floor(currentTurn() / 2);
const pick = <T>(values: readonly T[]): T => values[round % values.length]!;

beforeAll(async () => {
  await stack.reset();
  stack.configure({
    "phasewise:phase": phase,
    ...(phase === 3 ? { "phasewise:loadBalancer": { public: true } } : {}),
  });
  await stack.up();
  // No machine may be missing before there is a backup; the first one begins with the cluster.
  await stack.backedUp();
  await stack.sql("CREATE TABLE numbered (number bigint PRIMARY KEY)");
  const { url } = await stack.json<{ url: string }>("url", stack.name, "--show-secrets");
  // As long as the poolers let a client wait.
  writer = new Writer(url, { patienceMs: 15_000 });
  await writer.start();
});

afterAll(async () => {
  await writer?.stop();
  await stack.remove();
});

test.runIf(isTurnOf(0, 2))(
  "a setting that needs a restart, and an older PostgreSQL: killed on the way, gone on with, no error",
  async () => {
    const settings = { "phasewise:database": { parameters: { max_locks_per_transaction: "128" } } };
    stack.configure({
      "phasewise:phase": phase,
      ...settings,
      ...(phase === 3 ? { "phasewise:loadBalancer": { public: true } } : {}),
    });
    await stack.up();
    // Debian's archive keeps the version that a point release had, beside the newer one of its security updates.
    const older = [
      "apt-get -qq update",
      "old=$(apt-cache madison postgresql-17 | cut -d'|' -f2 | tr -d ' ' | sort -V | head -n 1)",
      "printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d",
      "apt-get -y -qq install --allow-downgrades --allow-change-held-packages postgresql-17=$old postgresql-client-17=$old >/dev/null 2>&1",
      "rm /usr/sbin/policy-rc.d; apt-mark hold postgresql-17 postgresql-client-17 >/dev/null; echo $old",
    ];
    const version = (await stack.expectOk("ssh", stack.name, "db-2", "--", older.join("; "))).trim();
    const plan = await stack.json<Report>("rollout", stack.name, "--dry-run", "--only", "restarts,packages");
    expect(plan.machines.map(({ machine }) => machine)).toContain("db-2");
    await killedIn(
      stack,
      ["rollout", stack.name, "--only", "restarts,packages", "--yes"],
      pick(["update-db-2:", "drain-db-2:", "restart-db-2:", "vacate-db-1:"]),
      pick([0, 400, 1500]),
    );
    const again = await stack.run("rollout", stack.name, "--yes");
    expect(again.code).toBe(2);
    expect(again.stderr).toContain("--resume");
    const report = await rollout("--resume");
    expect(report).toMatchObject({ outcome: "done", pending: [], canary: { missing: 0, errors: 0 } });
    expect(await stack.sql("show max_locks_per_transaction")).toBe("128");
    const now = "dpkg -s postgresql-17 | sed -n 's/^Version: //p'; apt-mark showhold";
    const after = await stack.expectOk("ssh", stack.name, "db-2", "--", now);
    expect(after.split("\n")[0]).not.toBe(version);
    expect(after).toContain("postgresql-17");
    await stack.eventually(async () => expect(await stack.faults()).toEqual([]));
    const written = await writer.stop();
    expect(written.errors).toBe(0);
  },
);

test.runIf(isTurnOf(1, 2))(
  "every machine reboots: what clients notice was announced, and no acknowledged row is lost",
  async () => {
    const report = await rollout("--only", "reboot", "--reboot", "--drain", "25s");
    expect(report.machines).toHaveLength(phase === 3 ? 7 : 3);
    expect(report).toMatchObject({ outcome: "done", canary: { missing: 0 } });
    const { announcedErrors, errors } = report.canary;
    expect(errors).toBe(phase === 3 ? 0 : announcedErrors);
    const told = report.machines.filter(({ notice }) => /lose their connections/.test(notice ?? ""));
    expect(told.map(({ machine }) => machine)).toEqual(phase === 3 ? [] : ["core-1"]);
    await stack.eventually(async () => expect(await stack.faults()).toEqual([]));
  },
);
