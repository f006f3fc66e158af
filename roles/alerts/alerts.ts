import { directory, file, lines, reload, restart, role, running } from "../build.ts";
import { confined } from "../exporters/confined.ts";
import type { ManagedFile, RoleManifest, Step } from "../manifest.ts";
import { PORTS, TEXTFILES } from "../paths.ts";
import { SECRETS, secret } from "../secrets.ts";
import { dropIn } from "../unit.ts";
import { type AlertReceivers, alertmanagerConfiguration, RECEIVER_FILES } from "./alertmanager.ts";
import { prometheusConfiguration, type Target } from "./prometheus.ts";
import { rulesText } from "./rules.ts";

export type { AlertReceivers } from "./alertmanager.ts";

/** How old the last good drill of a cluster may be. */
export interface DrillGoal {
  cluster: string;
  kind: "restore" | "disaster";
  days: number;
}

export interface AlertsSettings extends AlertReceivers {
  stack: string;
  /** All exporters of the stack. */
  targets: Target[];
  drills: DrillGoal[];
}

export const ALERTS_PACKAGES = ["prometheus", "prometheus-alertmanager"];

const FOLDER = "/etc/phasewise/alerts";
const CONFIGURATION = `${FOLDER}/prometheus.yaml`;
const RULES = `${FOLDER}/rules.yaml`;
const RECEIVERS = `${FOLDER}/alertmanager.yaml`;
const PROMETHEUS = "prometheus.service";
const ALERTMANAGER = "prometheus-alertmanager.service";
const OWNER = "prometheus";
/** Debian's places. On the machine's own disk: the volume is the database's, and none of it is missed when it is lost. */
const SERIES = "/var/lib/prometheus/metrics2";
const SENT = "/var/lib/prometheus/alertmanager";

/**
 * A small Prometheus that asks all exporters of the stack, and an Alertmanager that tells people: see docs/alerts.md.
 * Both answer on the machine itself only. Who is told, and what of, changes by a reload.
 */
export function alerts(settings: AlertsSettings): RoleManifest {
  return role("alerts", {
    packages: ALERTS_PACKAGES,
    directories: [
      directory(FOLDER),
      directory(SERIES, { owner: OWNER, mode: "0700" }),
      directory(SENT, { owner: OWNER, mode: "0700" }),
    ],
    files: [...prometheus(settings), ...alertmanager(settings), drillGoals(settings.drills)],
    prepare: settings.drills.map(awaited),
    units: [running(PROMETHEUS), running(ALERTMANAGER)],
    ready: {
      name: "Prometheus and Alertmanager have read their settings",
      command: [answers(PORTS.prometheus, "prometheus"), answers(PORTS.alertmanager, "alertmanager")].join(
        " && ",
      ),
      deadlineSeconds: 60,
      units: [PROMETHEUS, ALERTMANAGER],
    },
  });
}

function prometheus(settings: AlertsSettings): ManagedFile[] {
  const options = [
    `--config.file=${CONFIGURATION}`,
    `--web.listen-address=127.0.0.1:${PORTS.prometheus}`,
    `--storage.tsdb.path=${SERIES}`,
    // Enough to see how an alert came about after a weekend.
    "--storage.tsdb.retention.time=3d",
    "--storage.tsdb.retention.size=256MB",
    "--log.level=warn",
  ];
  const limits = { memory: "256M", writes: [SERIES], environment: ["GOMEMLIMIT=160MiB"] };
  return [
    file(CONFIGURATION, prometheusConfiguration({ ...settings, rules: RULES }), {
      onChange: reload(PROMETHEUS),
    }),
    file(RULES, rulesText(settings), { onChange: reload(PROMETHEUS) }),
    file("/etc/default/prometheus", lines(`ARGS="${options.join(" ")}"`), { onChange: restart(PROMETHEUS) }),
    file(dropIn(PROMETHEUS), confined(limits), { onChange: restart(PROMETHEUS) }),
  ];
}

function alertmanager(settings: AlertsSettings): ManagedFile[] {
  const options = [
    `--config.file=${RECEIVERS}`,
    `--web.listen-address=127.0.0.1:${PORTS.alertmanager}`,
    `--storage.path=${SENT}`,
    // There is no other one to agree with.
    "--cluster.listen-address=",
    "--log.level=warn",
  ];
  const limits = { memory: "96M", writes: [SENT], environment: ["GOMEMLIMIT=64MiB"] };
  const onChange = reload(ALERTMANAGER);
  const hidden = (path: string, name: string) =>
    file(path, secret(name), { group: OWNER, mode: "0640", onChange });
  return [
    ...(settings.webhook ? [hidden(RECEIVER_FILES.webhook, SECRETS.alertWebhook)] : []),
    ...(settings.slack ? [hidden(RECEIVER_FILES.slack, SECRETS.alertSlack)] : []),
    ...(settings.heartbeat ? [hidden(RECEIVER_FILES.heartbeat, SECRETS.alertHeartbeat)] : []),
    ...(settings.email?.user ? [hidden(RECEIVER_FILES.password, SECRETS.alertMailPassword)] : []),
    file(RECEIVERS, alertmanagerConfiguration(settings), { onChange }),
    file("/etc/default/prometheus-alertmanager", lines(`ARGS="${options.join(" ")}"`), {
      onChange: restart(ALERTMANAGER),
    }),
    file(dropIn(ALERTMANAGER), confined(limits), { onChange: restart(ALERTMANAGER) }),
  ];
}

/** It answers, and what stands in its files was right. */
function answers(port: number, name: string): string {
  const ask = (path: string) => `curl -sS --fail --max-time 5 http://127.0.0.1:${port}${path}`;
  return `${ask("/-/ready")} > /dev/null && ${ask("/metrics")} | grep -qx '${name}_config_last_reload_successful 1'`;
}

/** Given by the node exporter, as all numbers of drills are. */
function drillGoals(drills: DrillGoal[]): ManagedFile {
  const name = "phasewise_drill_goal_seconds";
  const samples = drills.map((goal) => `${name}{${labels(goal)}} ${goal.days * 86_400}`);
  return file(
    `${TEXTFILES}/phasewise-drill-goals.prom`,
    lines(`# HELP ${name} How old the last good drill may be`, `# TYPE ${name} gauge`, ...samples),
  );
}

/** From when on a drill that was never made is waited for: its goal counts from then. */
function awaited(goal: DrillGoal): Step {
  const path = `${TEXTFILES}/phasewise-drill-awaited.prom`;
  const series = `phasewise_drill_awaited_since_timestamp_seconds{${labels(goal)}}`;
  return {
    name: `since when a ${goal.kind} drill of ${goal.cluster} is awaited`,
    probe: `grep -qsF '${series} ' ${path}`,
    act: lines(
      `{ ! [ -e ${path} ] || cat ${path}; echo '${series}' "$(date +%s)"; } > ${path}.new`,
      `chmod 0644 ${path}.new`,
      `mv ${path}.new ${path}`,
    ),
  };
}

function labels({ cluster, kind }: DrillGoal): string {
  return `cluster="${cluster}",kind="${kind}"`;
}
