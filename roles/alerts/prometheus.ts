import { stringify } from "yaml";
import { PORTS } from "../paths.ts";

/** One exporter. */
export interface Target {
  machine: string;
  /** As host:port. */
  address: string;
}

export interface PrometheusSettings {
  stack: string;
  targets: Target[];
  /** Whether everything that exporters tell is kept, or only what the alerts of the data's safety ask for. */
  monitoring: boolean;
  /** Path of the file with the rules. */
  rules: string;
}

/** Seconds between two looks; an alert without a `for` of its own is on its way after two of them. */
const INTERVAL = "15s";
/** What the rules ask for that are there in any case: see rules.ts. */
const NEEDED = "phasewise_.+|pg_up|pgbouncer_up|redis_up";
const OWN = "alertmanager_notifications.*";

/** Whom Prometheus asks, and whom it tells. */
export function prometheusConfiguration({ monitoring, rules, stack, targets }: PrometheusSettings): string {
  const machines = [...new Set(targets.map(({ machine }) => machine))];
  const keep = (regex: string) => [{ source_labels: ["__name__"], regex, action: "keep" }];
  return stringify(
    {
      global: {
        scrape_interval: INTERVAL,
        evaluation_interval: INTERVAL,
        external_labels: { stack },
      },
      alerting: { alertmanagers: [{ static_configs: alertmanager() }] },
      rule_files: [rules],
      scrape_configs: [
        {
          job_name: "phasewise",
          ...(monitoring ? {} : { metric_relabel_configs: keep(NEEDED) }),
          static_configs: machines.map((machine) => ({
            targets: targets.filter((one) => one.machine === machine).map(({ address }) => address),
            labels: { machine },
          })),
        },
        { job_name: "alertmanager", metric_relabel_configs: keep(OWN), static_configs: alertmanager() },
      ],
    },
    { lineWidth: 0 },
  );
}

function alertmanager() {
  return [{ targets: [`127.0.0.1:${PORTS.alertmanager}`] }];
}
