import { messageOf } from "../../toolchain/problem.ts";
import type { Machine } from "../topology.ts";
import type { World } from "../verify/check.ts";
import {
  dictionary,
  type ExporterName,
  exporters,
  type MetricEntry,
  type Reading,
  readingsOf,
} from "./dictionary.ts";
import { parseExposition, type Sample } from "./exposition.ts";

/** What one exporter of one machine said. */
export interface Scrape {
  machine: string;
  exporter: ExporterName;
  /** A reason where it did not answer. */
  samples: Sample[] | { unavailable: string };
}

export interface Measured extends Reading {
  metric: MetricEntry;
  machine: string;
}

/** The role of machines that have exporters. */
const role = "metrics";

/** Asks every exporter of every machine, over SSH: they answer in the private network only. */
export async function scrapeAll(world: Pick<World, "topology" | "run">): Promise<Scrape[]> {
  const machines = world.topology.machines.filter((machine) => machine.roles.includes(role));
  const all = machines.flatMap((machine) => carried(machine).map((name) => scrape(world, machine, name)));
  return Promise.all(all);
}

function carried(machine: Machine): ExporterName[] {
  return (Object.keys(exporters) as ExporterName[]).filter((name) => {
    const { role } = exporters[name];
    return role === null || machine.roles.includes(role);
  });
}

async function scrape(world: Pick<World, "run">, machine: Machine, exporter: ExporterName): Promise<Scrape> {
  const url = `http://${machine.privateAddress}:${exporters[exporter].port}/metrics`;
  try {
    const text = await world.run(machine, `curl -sS --fail --max-time 10 ${url}`);
    return { machine: machine.name, exporter, samples: parseExposition(text) };
  } catch (error) {
    return { machine: machine.name, exporter, samples: { unavailable: messageOf(error).split("\n")[0]! } };
  }
}

/** The dictionary's values, in its order. */
export function measure(scrapes: Scrape[]): Measured[] {
  return dictionary.flatMap((metric) =>
    scrapes.flatMap(({ exporter, machine, samples }) =>
      "unavailable" in samples
        ? []
        : readingsOf(metric, exporter, samples).map((reading) => ({ metric, machine, ...reading })),
    ),
  );
}
