import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { powerOff, serverId } from "../failover.ts";
import type { Stack } from "../stack.ts";
import { tell, Writers } from "../writers.ts";
import { expectHealed, type Scenario } from "./scenario.ts";

interface Balancer {
  name: string;
  targets: {
    targets?: { server: { id: number }; health_status: { status: string }[] }[];
    server?: { id: number };
    health_status?: { status: string }[];
  }[];
}

/** The load balancer of the gateways sends connections to all of them again. */
async function admitted(stack: Stack): Promise<void> {
  await stack.eventually(async () => {
    const { load_balancers } = await stack.api<{ load_balancers: Balancer[] }>("GET", "/load_balancers");
    const { targets } = load_balancers.find(({ name }) => name.endsWith("-gateways"))!;
    const health = targets
      .flatMap((target): { health_status?: { status: string }[] }[] => target.targets ?? [target])
      .flatMap(({ health_status }) => health_status ?? []);
    expect(health.length).toBeGreaterThanOrEqual(4);
    expect(health.map(({ status }) => status)).toEqual(health.map(() => "healthy"));
  });
}

/** core-1 also has a vote in etcd and keeps its lead, core-2 has neither. */
export default {
  name: "both gateways lose their power, the second after the first is back: each time the other one takes the clients",
  phases: [3],
  async run(scene) {
    const { stack } = scene;
    for (const gateway of ["core-1", "core-2"]) {
      const id = await serverId(stack, gateway);
      await admitted(stack);
      await using writers = await Writers.start(stack, Array(4).fill(undefined));
      await powerOff(stack, id);
      writers.strike();
      expect(await writers.recovered()).toBe(true);
      await sleep(2000);
      await stack.api("POST", `/servers/${id}/actions/poweron`);
      await admitted(stack);
      const observed = await writers.stop();
      tell(`the gateway ${gateway} lost, clients at the load balancer`, observed);
      expect(observed.missing).toBe(0);
      expect(observed.reigns).toHaveLength(1);
      expect(observed.longestGapMs).toBeLessThan(20_000);
    }
    await expectHealed(scene);
  },
} satisfies Scenario;
