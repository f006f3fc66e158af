import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { PORTS } from "../../../roles/paths.ts";
import type { Machine } from "../../topology.ts";
import { type Check, combine, type Finding, type World } from "../check.ts";

/** Prometheus looks every 15 seconds: until its first look nothing is known (milliseconds). */
const SETTLES_WITHIN = 25_000;
const PAUSE = 1500;

/** What Prometheus' own API says, reduced to what is judged. */
export interface Watch {
  targets: { address: string; machine: string; health: string; error: string }[];
  /** Alertmanagers that it sends to. */
  alertmanagers: number;
  /** Messages that did not arrive within the last hour, by the kind of receiver. */
  failed: { integration: string; count: number }[];
}

/** Where alerts are sent: Prometheus reaches all exporters and the Alertmanager, and messages arrive. */
export const alerts: Check = {
  name: "alerts",
  async run(world) {
    const machines = world.topology.machines.filter(({ roles }) => roles.includes("alerts"));
    if (machines.length === 0) return { ok: true, detail: "nobody is told of anything" };
    return combine(await Promise.all(machines.map((machine) => inspect(world, machine))));
  },
};

async function inspect(world: World, machine: Machine): Promise<Finding> {
  const end = Date.now() + SETTLES_WITHIN;
  for (;;) {
    const found = judge(await read(world, machine), machine.name, world.topology.stack);
    if (found.ok || Date.now() > end) return found;
    await sleep(PAUSE);
  }
}

export function judge({ targets, alertmanagers, failed }: Watch, machine: string, stack: string): Finding {
  const silent = targets.filter(({ health }) => health !== "up");
  const faults: Finding[] = [
    ...silent.map((target) => ({
      ok: false,
      detail: `Prometheus on ${machine} does not reach ${target.address} of ${target.machine}: ${target.error || "not asked yet"}`,
      fix: `npx phasewise logs ${stack} -m ${target.machine} says why`,
    })),
    ...(targets.length === 0
      ? [
          {
            ok: false,
            detail: `Prometheus on ${machine} asks nobody`,
            fix: `npx phasewise up ${stack} puts its settings right`,
          },
        ]
      : []),
    ...(alertmanagers === 0
      ? [
          {
            ok: false,
            detail: `Prometheus on ${machine} reaches no Alertmanager`,
            fix: `npx phasewise logs ${stack} -m ${machine} --unit prometheus-alertmanager says why`,
          },
        ]
      : []),
    ...failed.map(({ count, integration }) => ({
      ok: false,
      detail: `${count} messages by ${integration} did not arrive within the last hour`,
      fix: `npx phasewise logs ${stack} -m ${machine} --unit prometheus-alertmanager says why; phasewise:alerts names the receiver`,
    })),
  ];
  if (faults.length > 0) return combine(faults);
  return { ok: true, detail: `${targets.length} exporters are watched, and the Alertmanager is reached` };
}

const targetList = z.object({
  data: z.object({
    activeTargets: z.array(
      z.object({
        labels: z.object({ instance: z.string(), machine: z.string().default("") }),
        health: z.string(),
        lastError: z.string(),
        scrapePool: z.string(),
      }),
    ),
  }),
});
const managers = z.object({ data: z.object({ activeAlertmanagers: z.array(z.unknown()) }) });
const vector = z.object({
  data: z.object({
    result: z.array(
      z.object({
        metric: z.object({ integration: z.string() }),
        value: z.tuple([z.number(), z.string()]),
      }),
    ),
  }),
});

/** One failed message is tried again by itself: `increase` of a whole one counts. */
const FAILED = "round(sum by (integration) (increase(alertmanager_notifications_failed_total[1h]))) > 0";

async function read(world: World, machine: Machine): Promise<Watch> {
  const ask = async <T>(schema: z.ZodType<T>, path: string, query?: string): Promise<T> => {
    const data = query === undefined ? "" : ` --get --data-urlencode 'query=${query}'`;
    const url = `http://127.0.0.1:${PORTS.prometheus}/api/v1/${path}`;
    return schema.parse(
      JSON.parse(await world.run(machine, `curl -sS --fail --max-time 10${data} '${url}'`)),
    );
  };
  const [targets, known, failed] = await Promise.all([
    ask(targetList, "targets?state=active"),
    ask(managers, "alertmanagers"),
    ask(vector, "query", FAILED),
  ]);
  return {
    targets: targets.data.activeTargets
      .filter(({ scrapePool }) => scrapePool === "phasewise")
      .map(({ labels, health, lastError }) => ({
        address: labels.instance,
        machine: labels.machine,
        health,
        error: lastError,
      })),
    alertmanagers: known.data.activeAlertmanagers.length,
    failed: failed.data.result.map(({ metric, value }) => ({
      integration: metric.integration,
      count: Number(value[1]),
    })),
  };
}
