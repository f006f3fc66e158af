import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { type AlertsSettings, alerts } from "../../../roles/alerts/alerts.ts";
import { rulesText } from "../../../roles/alerts/rules.ts";
import { alertsSettings, fileOf } from "./machine.ts";

const nobody: AlertsSettings = {
  ...alertsSettings,
  webhook: false,
  slack: false,
  email: null,
  heartbeat: false,
};
const RECEIVERS = "/etc/phasewise/alerts/alertmanager.yaml";

test("each receiver is there where it is asked for, and its secret in a file of its own", () => {
  const receivers = (settings: AlertsSettings) =>
    Object.keys(parse(fileOf(alerts(settings), RECEIVERS).content).receivers[0]);
  const secrets = (settings: AlertsSettings) =>
    alerts(settings)
      .files.filter(({ content }) => content.includes("{{secret:"))
      .map(({ path, group, mode, content }) => [path, group, mode, content]);
  expect(receivers(nobody)).toEqual(["name"]);
  expect(secrets(nobody)).toEqual([]);
  expect(receivers({ ...nobody, webhook: true })).toEqual(["name", "webhook_configs"]);
  expect(secrets({ ...nobody, webhook: true })).toEqual([
    ["/etc/phasewise/alerts/webhook", "prometheus", "0640", "{{secret:alert-webhook}}"],
  ]);
  expect(receivers(alertsSettings)).toEqual(["name", "webhook_configs", "slack_configs", "email_configs"]);
  expect(secrets(alertsSettings)).toHaveLength(4);
  const { email } = alertsSettings;
  const open = { ...nobody, email: { ...email!, user: null } };
  expect(secrets(open)).toEqual([]);
  expect(fileOf(alerts(open), RECEIVERS).content).not.toContain("auth_");
});

test("a change of receivers, targets or rules is a reload; nothing is restarted for it", () => {
  const changed = alerts({
    ...alertsSettings,
    webhook: false,
    targets: [],
    monitoring: true,
    repeatHours: 1,
  });
  const before = new Map(alerts(alertsSettings).files.map((file) => [file.path, file.content]));
  const files = changed.files.filter(({ content, path }) => before.get(path) !== content);
  expect(files.map(({ path }) => path)).toEqual([
    "/etc/phasewise/alerts/prometheus.yaml",
    "/etc/phasewise/alerts/rules.yaml",
    RECEIVERS,
  ]);
  expect(files.flatMap(({ onChange }) => onChange!.map(({ action }) => action))).toEqual([
    "reload",
    "reload",
    "reload",
  ]);
});

test("both answer on the machine itself only, and are gone where alerts are taken out", () => {
  const role = alerts(alertsSettings);
  for (const name of ["prometheus", "prometheus-alertmanager"]) {
    const { content } = fileOf(role, `/etc/default/${name}`);
    expect(content).toMatch(/--web.listen-address=127\.0\.0\.1:909\d /);
  }
  expect(role.units.every(({ stateful }) => !stateful)).toBe(true);
});

test("each alarm carries the link of its runbook, the data's safety comes first, the rest where it is asked for", () => {
  const groups = (monitoring: boolean, runbooks = "https://docs.example.com") =>
    parse(rulesText({ monitoring, runbooks, heartbeat: false })).groups as {
      name: string;
      rules: { alert?: string; annotations?: Record<string, string> }[];
    }[];
  expect(groups(false).map(({ name }) => name)).toEqual([
    "phasewise-reach",
    "phasewise-backups",
    "phasewise-drills",
  ]);
  expect(groups(true).length).toBeGreaterThan(3);
  const alarms = groups(true).flatMap(({ rules }) => rules.filter(({ alert }) => alert));
  expect(alarms.length).toBeGreaterThan(15);
  for (const { annotations } of alarms) {
    expect(annotations!.runbook_url).toMatch(/^https:\/\/docs\.example\.com\/docs\/[a-z/-]+\.md(#[a-z-]+)?$/);
  }
  // Its path alone where nobody said where docs/ can be read.
  const [alarm] = groups(false, "").flatMap(({ rules }) => rules.filter(({ alert }) => alert));
  expect(alarm!.annotations!.runbook_url).toMatch(/^docs\//);
});

test("an alert that always fires goes to whoever misses it, each minute, and to nobody else", () => {
  const settings = (heartbeat: boolean) => ({ ...nobody, webhook: true, heartbeat });
  const sent = (heartbeat: boolean) => parse(fileOf(alerts(settings(heartbeat)), RECEIVERS).content);
  const fires = (heartbeat: boolean) =>
    fileOf(alerts(settings(heartbeat)), "/etc/phasewise/alerts/rules.yaml").content.includes("Watchdog");
  expect([fires(false), fires(true)]).toEqual([false, true]);
  expect(sent(false).route).not.toHaveProperty("routes");
  expect(sent(false).receivers).toHaveLength(1);
  expect(sent(true).route).toEqual({
    ...sent(false).route,
    routes: [
      {
        receiver: "heartbeat",
        matchers: ['alertname="Watchdog"'],
        group_wait: "1s",
        group_interval: "30s",
        repeat_interval: "50s",
      },
    ],
  });
  expect(sent(true).receivers[1]).toEqual({
    name: "heartbeat",
    webhook_configs: [{ url_file: "/etc/phasewise/alerts/heartbeat", send_resolved: false }],
  });
});

describe("the step that notes since when a drill is awaited", () => {
  const folder = mkdtempSync(join(tmpdir(), "alerts-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const here = (script: string) => script.replaceAll("/var/lib/prometheus/node-exporter", folder);
  const sh = (script: string) => spawnSync("sh", ["-eu", "-c", here(script)], { encoding: "utf8" });

  test("writes each goal once, and keeps what is there", () => {
    const steps = alerts(alertsSettings).prepare;
    expect(steps).toHaveLength(2);
    for (const { act, probe } of steps) {
      expect(sh(probe).status).not.toBe(0);
      expect(sh(act)).toMatchObject({ status: 0, stderr: "" });
      expect(sh(probe).status).toBe(0);
    }
    for (const { probe } of steps) expect(sh(probe).status).toBe(0);
    const text = execFileSync("cat", [join(folder, "phasewise-drill-awaited.prom")], { encoding: "utf8" });
    expect(text).toMatch(
      /^(phasewise_drill_awaited_since_timestamp_seconds\{cluster="main",kind="(restore|disaster)"\} \d{10}\n){2}$/,
    );
  });
});

/** Debian's package prometheus brings it; machines have it too, where the end-to-end tests ask it. */
const promtool = spawnSync("promtool", ["--version"]).status === 0;

describe.skipIf(!promtool)("promtool", () => {
  const folder = mkdtempSync(join(tmpdir(), "promtool-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const ask = (...args: string[]) => execFileSync("promtool", args, { encoding: "utf8", stdio: "pipe" });

  test("takes the rules and the settings", () => {
    for (const monitoring of [false, true]) {
      const role = alerts({ ...alertsSettings, monitoring });
      const rules = join(folder, "rules.yaml");
      writeFileSync(rules, fileOf(role, "/etc/phasewise/alerts/rules.yaml").content);
      const text = fileOf(role, "/etc/phasewise/alerts/prometheus.yaml").content;
      const settings = join(folder, "prometheus.yaml");
      writeFileSync(settings, text.replace("/etc/phasewise/alerts/rules.yaml", rules));
      expect(ask("check", "config", settings)).toContain("SUCCESS");
    }
  });

  test("finds that the rules fire when they should", () => {
    for (const name of ["prometheus-rules", "prometheus-drill-rules"]) {
      ask("test", "rules", resolve(import.meta.dirname, `../docs/${name}.test.yaml`));
    }
    // It goes through days of a stack, a minute at a time.
  }, 180_000);
});
