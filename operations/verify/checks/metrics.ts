import { setTimeout as sleep } from "node:timers/promises";
import { dictionary, exporters, isOf } from "../../metrics/dictionary.ts";
import { measure, type Scrape, scrapeAll } from "../../metrics/read.ts";
import { type Check, combine, type Finding } from "../check.ts";

/** An exporter notices with one question that what it measures was restarted, and is connected again at the next. */
const ATTEMPTS = 4;
/** Milliseconds. */
const PAUSE = 1500;

/** Every exporter answers, reaches what it measures, and has the dictionary's metrics with values that can be. */
export const metrics: Check = {
  name: "metrics",
  async run(world) {
    for (let attempt = 1; ; attempt++) {
      const scrapes = await scrapeAll(world);
      if (scrapes.length === 0) return { ok: true, detail: "none are taken" };
      const found = combine(scrapes.map((scrape) => judge(scrape, world.topology.stack)));
      if (found.ok) return { ok: true, detail: summary(scrapes) };
      if (attempt === ATTEMPTS) return found;
      await sleep(PAUSE);
    }
  },
};

export function judge(scrape: Scrape, stack: string): Finding {
  const { exporter, machine, samples } = scrape;
  const unit = `prometheus-${exporter}-exporter`;
  const where = `${machine}: ${unit}`;
  const fix = `npx phasewise logs ${stack} -m ${machine} --unit ${unit} says why`;
  if ("unavailable" in samples) {
    return { ok: false, detail: `${where} does not answer: ${samples.unavailable}`, fix };
  }
  const { up } = exporters[exporter];
  if (up !== null && samples.find((one) => one.name === up)?.value !== 1) {
    return { ok: false, detail: `${where} does not reach what it measures`, fix };
  }
  const faults = dictionary
    .filter((metric) => isOf(metric, exporter))
    .flatMap((metric) => {
      const readings = metric.read(samples);
      if (readings.length === 0) return metric.mayBeEmpty ? [] : [`it does not tell ${metric.name}`];
      const [least, most] = metric.range;
      return readings
        .filter(({ value }) => !(value >= least && value <= most))
        .map(({ value }) => `${metric.name} is ${value}`);
    });
  if (faults.length === 0) return { ok: true, detail: where };
  return { ok: false, detail: `${where}: ${faults.join(", ")}`, fix };
}

function summary(scrapes: Scrape[]): string {
  const names = new Set(measure(scrapes).map(({ metric }) => metric.name));
  return `${scrapes.length} exporters answer, with ${names.size} of the dictionary's metrics`;
}
