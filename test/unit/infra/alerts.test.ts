import { describe, expect, it } from "vitest";
import { fromPulumi, parseConfig } from "../../../infra/config.ts";
import { hetznerPlan } from "../../../infra/hetzner/plan.ts";
import { blueprintOf } from "../../../infra/phases/available.ts";
import { changed, config, embedded, faults, production, secure } from "./settings.ts";

const mail = { to: ["ops@example.com"], from: "phasewise@example.com", server: "smtp.example.com:587" };
const withAlerts = (alerts: unknown, more = {}) => ({ "phasewise:alerts": alerts, ...more });
const planOf = (change: Record<string, unknown>) =>
  hetznerPlan(blueprintOf(config(change)), config(change), "production");

describe("alerts", () => {
  it("are sent where a stack asks for it, by the first gateway in every phase", () => {
    expect(planOf({}).alerts).toBeNull();
    for (const phase of [1, 2, 3]) {
      expect(planOf(withAlerts({ webhook: secure }, { "phasewise:phase": phase })).alerts).toMatchObject({
        machine: "core-1",
        webhook: true,
        slack: false,
        heartbeat: false,
        email: null,
        repeatHours: 4,
        drills: [{ kind: "restore", days: 31 }],
      });
    }
  });

  it("leave no address of a receiver and no password in the plan", () => {
    const settings = {
      webhook: "https://hooks.example.com/hunter2",
      slack: "https://slack.example.com/hunter2",
      heartbeat: "https://beat.example.com/hunter2",
      email: { ...mail, user: "phasewise", password: "hunter2 is here" },
    };
    const handed = Object.fromEntries(
      Object.entries({ ...production(), ...withAlerts(settings) }).map(([key, value]) => [
        key,
        JSON.stringify(value).replaceAll(JSON.stringify(secure), '"AK"'),
      ]),
    );
    handed["phasewise:environment"] = "production";
    const parsed = parseConfig(
      fromPulumi("f", handed, () => true),
      "production",
    );
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
    expect(parsed.config.alerts).toMatchObject(settings);
    const plan = hetznerPlan(blueprintOf(parsed.config), parsed.config, "production");
    expect(plan.alerts?.heartbeat).toBe(true);
    expect(plan.alerts?.email).toEqual({ ...mail, user: "phasewise" });
    expect(JSON.stringify(plan)).not.toContain("hunter2");
    const plain = parseConfig(
      fromPulumi("f", handed, (key) => key !== "phasewise:alerts"),
      "production",
    );
    expect(plain.ok ? [] : plain.faults.map(({ found, path }) => `${path}: ${found}`)).toEqual([
      "phasewise:alerts.webhook: a secret in clear",
      "phasewise:alerts.slack: a secret in clear",
      "phasewise:alerts.email.password: a secret in clear",
      "phasewise:alerts.heartbeat: a secret in clear",
    ]);
    expect(JSON.stringify(plain)).not.toContain("hunter2");
  });
});

describe("wrong alerts are refused, all faults at once", () => {
  const hint = (name: string) =>
    `npx pulumi config set --secret --path phasewise:alerts.${name} (it asks for the value)`;

  it("no receiver, and nothing that measures", () => {
    expect(faults(withAlerts({}, { "phasewise:metrics": { enabled: false } }))).toEqual([
      `phasewise:alerts: no receiver | one or more of webhook, slack, email | name one, as ${hint("webhook")}, or take alerts out`,
      "phasewise:metrics.enabled: false | true where there are alerts: they are judged by what the exporters tell | take it out, or take alerts out",
    ]);
    // It says that alerts are sent, not what they are.
    expect(faults(withAlerts({ heartbeat: secure }))).toHaveLength(1);
  });

  it("mail without its parts, with half of a login, and texts of another form", () => {
    const server =
      "an SMTP server with its port, as smtp.example.com:587 (465: TLS from the first byte; else STARTTLS is demanded)";
    expect(
      faults(
        withAlerts({
          email: { to: [], from: "Ops <ops@example.com>", server: "smtp.example.com" },
          runbooks: "https://docs.example.com/",
          repeatHours: 0,
          webhok: "x",
        }),
      ),
    ).toEqual([
      'phasewise:alerts.email.to: [] | a list of addresses for mail, one or more | write a list, as ["ops@example.com"]',
      'phasewise:alerts.email.from: "Ops <ops@example.com>" | an address for mail, as ops@example.com | write the address alone',
      `phasewise:alerts.email.server: "smtp.example.com" | ${server} | write name, colon and port, as smtp.example.com:587`,
      'phasewise:alerts.runbooks: "https://docs.example.com/" | where the folder docs/ can be read, as https://git.example.com/acme/phasewise/blob/main | write the address that /docs/... follows, without a slash at its end',
      "phasewise:alerts.repeatHours: 0 | a whole number from 1 to 168 (hours) | set it to 1 or more",
      "phasewise:alerts.webhok: an unknown setting, a text | in phasewise:alerts: webhook, slack, email, heartbeat, runbooks, monitoring, repeatHours | did you mean phasewise:alerts.webhook?",
    ]);
    const half = (email: object) => faults(withAlerts({ email: { ...mail, ...email } }));
    expect(half({ user: "a" })).toEqual([
      `phasewise:alerts.email.password: nothing | user and password, both or neither | ${hint("email.password")}`,
    ]);
    expect(half({ password: secure })).toEqual([
      "phasewise:alerts.email.user: nothing | user and password, both or neither | write the user's name at the SMTP server",
    ]);
    expect(half({})).toEqual([]);
    expect(half({ user: "a", password: secure })).toEqual([]);
  });

  it("addresses that others could listen to, without showing them", () => {
    const found = (webhook: string) => faults(withAlerts({ webhook }), embedded(), "dev");
    for (const good of [
      "https://hooks.example.com/a?b=c",
      "http://127.0.0.1:8099/hook",
      "http://10.0.1.11:8080/",
    ]) {
      expect(found(good), good).toEqual([]);
    }
    for (const bad of [
      "http://hooks.example.com/hunter2",
      "http://203.0.113.7/hunter2",
      "http://10.1.0.1/hunter2",
      "ftp://127.0.0.1/hunter2",
      "https://hooks.example.com/hunter2\nx",
      "hunter2",
      "",
    ]) {
      expect(found(bad), bad).toEqual([
        `phasewise:alerts.webhook: a value of another form (not shown) | where Alertmanager posts its JSON: an address that starts with https://, or http:// with an address in 10.0.0.0/16 or 127.0.0.0/8 | ${hint("webhook")}`,
      ]);
    }
  });
});

it("a secret stands in clear in the file of an embedded stack only", () => {
  const alerts = withAlerts({ webhook: "https://hooks.example.com/hunter2" });
  expect(faults(alerts, embedded(), "dev")).toEqual([]);
  expect(faults(changed(production(), alerts))).toEqual([
    "phasewise:alerts.webhook: a secret in clear | an encrypted value | make a new one, as this one may have been read, then npx pulumi config set --secret --path phasewise:alerts.webhook",
  ]);
});
