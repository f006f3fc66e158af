import type { Topology } from "../../infra/topology.ts";
import { TEXTFILES } from "../../roles/paths.ts";
import { messageOf } from "../../toolchain/problem.ts";
import type { OperationContext } from "../context.ts";
import { Machines } from "../machines.ts";
import { openStore } from "../restore/store.ts";
import type { Machine } from "../topology.ts";
import { type DrillKind, drillKinds, lastDrill, lastGoodDrill } from "./reports.ts";

/** What the newest drill of a kind came to, and when the newest good one began. */
export interface DrillOutcome {
  cluster: string;
  kind: DrillKind;
  ok: boolean;
  startedAt: Date;
  goodAt: Date | null;
}

/**
 * Tells Prometheus what the drills came to, by a file of the node exporter's: the reports lie in the bucket, where no
 * alarm looks. All of them are told each time, so that a machine that was made anew knows them again. That it cannot
 * be told is said, and holds nothing up: `verify` reads the reports themselves.
 */
export async function tellDrills(topology: Topology, ctx: OperationContext): Promise<void> {
  const machine = tellerOf(topology);
  if (machine === undefined) return;
  try {
    const text = drillMetrics(await outcomes(topology));
    const path = `${TEXTFILES}/phasewise-drill.prom`;
    await using machines = new Machines(topology, ctx);
    await machines.run(
      machine,
      `cat > ${path}.new && chmod 0644 ${path}.new && mv ${path}.new ${path}`,
      text,
    );
  } catch (error) {
    if (ctx.signal.aborted) throw error;
    ctx.onLine(
      `warning: ${machine.name} could not be told what the drill came to, so alerts of drills do not know it: ${messageOf(error).split("\n")[0]}`,
    );
  }
}

/** The machine that sends alerts, else the first that is measured; undefined where none is. */
export function tellerOf({ machines }: Pick<Topology, "machines">): Machine | undefined {
  const first = (role: string) => machines.find(({ roles }) => roles.includes(role));
  return first("alerts") ?? first("metrics");
}

async function outcomes(topology: Topology): Promise<DrillOutcome[]> {
  using store = openStore(topology);
  const all = topology.clusters.flatMap(({ name: cluster }) =>
    drillKinds.map(async (kind): Promise<DrillOutcome[]> => {
      const last = await lastDrill(store, kind, cluster);
      if (last === null) return [];
      const good = await lastGoodDrill(store, kind, cluster);
      const { ok, startedAt } = last;
      return [{ cluster, kind, ok, startedAt: new Date(startedAt), goodAt: good?.startedAt ?? null }];
    }),
  );
  return (await Promise.all(all)).flat();
}

/** Prometheus' text format. */
export function drillMetrics(outcomes: readonly DrillOutcome[]): string {
  const seconds = (date: Date) => Math.floor(date.getTime() / 1000);
  return [
    ...metric("phasewise_drill_ok", "Whether the last drill went well", outcomes, ({ ok }) => Number(ok)),
    ...metric("phasewise_drill_timestamp_seconds", "When the last drill began", outcomes, ({ startedAt }) =>
      seconds(startedAt),
    ),
    ...metric(
      "phasewise_drill_good_timestamp_seconds",
      "When the last good drill began",
      outcomes,
      ({ goodAt }) => goodAt && seconds(goodAt),
    ),
  ]
    .map((line) => `${line}\n`)
    .join("");
}

function metric(
  name: string,
  help: string,
  outcomes: readonly DrillOutcome[],
  value: (outcome: DrillOutcome) => number | null,
): string[] {
  const samples = outcomes.flatMap((outcome) => {
    const found = value(outcome);
    return found === null ? [] : [`${name}{cluster="${outcome.cluster}",kind="${outcome.kind}"} ${found}`];
  });
  return samples.length === 0 ? [] : [`# HELP ${name} ${help}`, `# TYPE ${name} gauge`, ...samples];
}
