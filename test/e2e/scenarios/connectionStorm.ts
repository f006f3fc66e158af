import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { powerOff, serverId } from "../failover.ts";
import { tell, Writers, waysOf } from "../writers.ts";
import { expectHealed, leaderOf, type Scenario } from "./scenario.ts";

/** As many as several application servers keep; all of them lose their connection in one moment and come again at once. */
const clients = 300;

/** How many connections clients' roles have on the primary. */
async function backends(stack: Parameters<typeof serverId>[0], primary: string): Promise<number> {
  const sql = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'app'";
  const psql = `runuser -u postgres -- psql -XAtc "${sql}"`;
  return Number(await stack.expectOk("ssh", stack.name, primary, "--", psql));
}

export default {
  name: "after a failover hundreds of clients connect at once: the poolers hold their limits, and all of them are served",
  phases: [2, 3],
  async run(scene) {
    const { phase, stack } = scene;
    const old = await leaderOf(scene);
    const id = await serverId(stack, old);
    await using writers = await Writers.start(stack);
    const ways = await waysOf(stack);
    const more = Array.from({ length: clients }, (_, index) => writers.add(ways[index % ways.length], 500));
    for (const writer of more) writer.begin();
    const served = () => more.filter(({ count }) => count > 0).length;
    const deadline = performance.now() + 60_000;
    while (served() < clients && performance.now() < deadline) await sleep(100);
    expect(served()).toBe(clients);
    await powerOff(stack, id);
    writers.strike();
    const struck = performance.now();
    expect(await writers.recovered(120_000)).toBe(true);
    const seconds = ((performance.now() - struck) / 1000).toFixed(1);
    const open = await backends(stack, await leaderAnswering(stack));
    const observed = await writers.stop();
    tell(
      `${clients} clients after a failover, all served ${seconds} s after it, ${open} connections to PostgreSQL`,
      observed,
    );
    // dev: a pool of 5 and 2 more while clients wait, at each gateway.
    expect(open).toBeLessThanOrEqual(7 * (phase === 3 ? 2 : 1));
    expect(observed.missing).toBe(0);
    await stack.api("POST", `/servers/${id}/actions/poweron`);
    await expectHealed(scene);
  },
} satisfies Scenario;

async function leaderAnswering(stack: Parameters<typeof serverId>[0]): Promise<string> {
  const address = await stack.sql("SELECT host(inet_server_addr())");
  return `db-${Number(address.split(".")[3]) - 20}`;
}
