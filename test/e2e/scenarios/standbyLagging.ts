import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { makeTable, members } from "../failover.ts";
import { Reader } from "../reader.ts";
import type { Stack } from "../stack.ts";
import { Writer } from "../writer.ts";
import { addressOf, expectHealed, leaderOf, type Scenario } from "./scenario.ts";

/** Replay stands still. Where it is only paused, Patroni goes on with it within its next look. */
async function hold(stack: Stack, machine: string, signal: "STOP" | "CONT"): Promise<void> {
  const kill = `kill -${signal} $(pgrep -f '[p]ostgres: main: startup')`;
  await stack.expectOk("ssh", stack.name, machine, "--", kill);
}

const settings = "/etc/patroni/member/40-slow.yml";
const wanted = JSON.stringify({ postgresql: { recovery_conf: { recovery_min_apply_delay: "15s" } } });

/** Every commit is replayed, but 15 s after it was made. By its Patroni: what is set behind its back it takes back. */
const slow = `echo '${wanted}' > ${settings}; chmod a+r ${settings}; systemctl reload patroni`;
const quick = `rm -f ${settings}; systemctl reload patroni`;

/** Seconds until nobody but these answers reads: the limit of 5, and what it takes to see it. */
async function onlyFrom(reader: Reader, servers: string[], withinMs: number): Promise<string> {
  const begin = performance.now();
  for (;;) {
    await sleep(500);
    const now = performance.now();
    const answering = reader.since(now - 1500);
    const settled = answering.size > 0 && [...answering].every((server) => servers.includes(server));
    if (settled && now - begin > 1500) return ((now - begin - 1500) / 1000).toFixed(1);
    if (now - begin > withinMs) throw new Error(`${[...answering].join(", ")} still answer reads`);
  }
}

export default {
  name: "standbys fall behind, one and then all: reads leave them within the limit, and come back",
  phases: [3],
  async run(scene) {
    const { stack } = scene;
    const primary = await leaderOf(scene);
    const all = (await members(stack)).map(({ name }) => name);
    const [first, second] = all.filter((name) => name !== primary) as [string, string];
    await makeTable(stack);
    const url = (await stack.expectOk("url", stack.name, "--show-secrets")).trim();
    const writer = new Writer(url, { pauseMs: 50 });
    await writer.start();
    const reader = new Reader(url);
    await onlyFrom(reader, [first, second].map(addressOf), 90_000);
    const told: string[] = [];
    try {
      await hold(stack, first, "STOP");
      told.push(`left a held one after ${await onlyFrom(reader, [addressOf(second)], 20_000)} s`);
      await stack.expectOk("ssh", stack.name, second, "--", slow);
      told.push(`the slow one after ${await onlyFrom(reader, [addressOf(primary)], 45_000)} s`);
    } finally {
      await hold(stack, first, "CONT");
      await stack.expectOk("ssh", stack.name, second, "--", quick);
    }
    // A connection for reads lives for a minute at most.
    told.push(`came back after ${await onlyFrom(reader, [first, second].map(addressOf), 90_000)} s`);
    await reader[Symbol.asyncDispose]();
    const { acknowledgements } = await writer.stop();
    const ages = reader.reads.map(({ at, newest }) => {
      // Rows are numbered from 1 without a gap: the next one is the oldest that was not seen.
      const missed = acknowledgements[newest];
      return missed && missed.at < at ? at - missed.at : 0;
    });
    const worst = (Math.max(...ages) / 1000).toFixed(1);
    process.stderr.write(
      `standbys behind: reads ${told.join(", ")}; ${ages.length} reads, the oldest answer ${worst} s old, ${reader.errors} errors\n`,
    );
    expect(Math.max(...ages)).toBeLessThan(15_000);
    await expectHealed(scene);
  },
} satisfies Scenario;
