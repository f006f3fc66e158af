import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { powerOff, serverId } from "../failover.ts";
import { expectHealed, type Scenario } from "./scenario.ts";

interface Balancer {
  name: string;
  public_net: { ipv4: { ip: string } };
}

interface Request {
  /** `performance.now()` when it was sent. */
  at: number;
  tookMs: number;
  /** The machine that answered; null: an error. */
  by: string | null;
}

/** Asks ten times a second, as clients do that do not wait for each other's answers. */
class Clients {
  readonly #url: string;
  readonly #requests: Promise<Request>[] = [];
  #stopping = false;
  #loop: Promise<void> = Promise.resolve();

  constructor(url: string) {
    this.#url = url;
    this.#loop = this.#run();
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      this.#requests.push(this.#ask());
      await sleep(100);
    }
  }

  async #ask(): Promise<Request> {
    const at = performance.now();
    const options = { headers: { connection: "close" }, signal: AbortSignal.timeout(30_000) };
    const by = await fetch(this.#url, options).then(
      async (response) => {
        await response.arrayBuffer();
        return response.ok ? response.headers.get("x-served-by") : null;
      },
      () => null,
    );
    return { at, tookMs: performance.now() - at, by };
  }

  async stop(): Promise<Request[]> {
    this.#stopping = true;
    await this.#loop;
    return Promise.all(this.#requests);
  }
}

/** `/health` is asked every 10 s, and two failures count. */
const noticedWithin = 25_000;

export default {
  name: "an application server loses its power: the other one takes its clients as soon as two checks have failed",
  phases: [3],
  async run(scene) {
    const { stack } = scene;
    const { load_balancers } = await stack.api<{ load_balancers: Balancer[] }>("GET", "/load_balancers");
    const address = load_balancers.find(({ name }) => name.endsWith("-apps"))!.public_net.ipv4.ip;
    const clients = new Clients(`http://${address}/health`);
    const id = await serverId(stack, "app-1");
    await sleep(3000);
    await powerOff(stack, id);
    const struck = performance.now();
    await sleep(noticedWithin + 5000);
    const requests = await clients.stop();
    await stack.api("POST", `/servers/${id}/actions/poweron`);
    const errors = requests.filter(({ by }) => by === null);
    const slow = requests.filter(({ tookMs }) => tookMs > 1000);
    const last = Math.max(struck, ...[...errors, ...slow].map(({ at }) => at));
    const seconds = ((last - struck) / 1000).toFixed(1);
    const worst = (Math.max(...requests.map(({ tookMs }) => tookMs)) / 1000).toFixed(1);
    process.stderr.write(
      `an application server lost: ${requests.length} requests, ${errors.length} errors, ${slow.length} took over 1 s (worst ${worst} s), the last one ${seconds} s after it\n`,
    );
    const before = requests.filter(({ at, tookMs }) => at + tookMs < struck - 1000);
    expect(new Set(before.map(({ by }) => by))).toEqual(new Set(["app-1", "app-2"]));
    const after = requests.filter(({ at }) => at > struck + noticedWithin);
    expect(after.length).toBeGreaterThan(20);
    expect(new Set(after.map(({ by }) => by))).toEqual(new Set(["app-2"]));
    await stack.eventually(async () => {
      const served = await Promise.all(Array.from({ length: 6 }, () => fetch(`http://${address}/health`)));
      expect(served.map((response) => response.headers.get("x-served-by"))).toContain("app-1");
    });
    await expectHealed(scene);
  },
} satisfies Scenario;
