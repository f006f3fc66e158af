import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { PATRONI_NAMESPACE } from "../../../roles/patroniConfiguration.ts";
import { members, powerOffTogether, serverId } from "../failover.ts";
import type { Stack } from "../stack.ts";
import { tell, Writers } from "../writers.ts";
import { addressOf, expectHealed, leaderOf, type Scenario } from "./scenario.ts";

interface SyncKey {
  leader: string;
  sync_standby: string | null;
}

/** The one who may lead now: the standby that Patroni has written down, or the primary where it has written down none. */
async function successor(stack: Stack): Promise<string> {
  const tls = "/etc/phasewise/tls/root";
  const etcdctl = `ETCDCTL_API=3 etcdctl --endpoints=https://127.0.0.1:2379 --cacert=${tls}/ca.pem --cert=${tls}/node.pem --key=${tls}/node.key`;
  const ask = `${etcdctl} get --print-value-only ${PATRONI_NAMESPACE}main/sync`;
  let key: SyncKey | undefined;
  // There is no majority before the standby's own vote is back.
  await stack.eventually(async () => {
    key = JSON.parse(await stack.expectOk("ssh", stack.name, "core-1", "--", ask)) as SyncKey;
  });
  return key!.sync_standby ?? key!.leader;
}

/**
 * A standby may be gone for some moments before its primary, if only because no two machines lose their power in the
 * very same one. A primary that looked just then (it does every 3 s) has taken the standby's name away and may have
 * acknowledged rows alone: then nobody leads before it is back itself.
 */
export default {
  name: "the synchronous standby and the primary are lost together: nobody leads who lacks an acknowledged row",
  phases: [2, 3],
  durability: "sync",
  async run(scene) {
    const { stack } = scene;
    const primary = await leaderOf(scene);
    const standby = (await members(stack)).find(({ role }) => role === "sync_standby")!.name;
    const [first, second] = [await serverId(stack, standby), await serverId(stack, primary)];
    await using writers = await Writers.start(stack);
    await powerOffTogether(stack, [first, second]);
    writers.strike();
    const lost = performance.now();
    await sleep(35_000);
    const quiet = writers.last!.at < lost;
    await stack.api("POST", `/servers/${first}/actions/poweron`);
    const chosen = await successor(stack);
    // In phase 3 a third one may have been named in the standby's place, and may lead since.
    if (chosen === primary || chosen === standby) expect(quiet).toBe(true);
    if (chosen === primary) expect(await writers.recovered(35_000)).toBe(false);
    else expect(await writers.recovered()).toBe(true);
    await stack.api("POST", `/servers/${second}/actions/poweron`);
    expect(await writers.recovered()).toBe(true);
    expect(writers.last!.server).toBe(addressOf(chosen));
    const observed = await writers.stop();
    const who = chosen === primary ? "the primary itself when it was back" : chosen;
    tell(`synchronous standby and primary lost together, then led by ${who}`, observed);
    expect(observed.missing).toBe(0);
    await expectHealed(scene);
  },
} satisfies Scenario;
