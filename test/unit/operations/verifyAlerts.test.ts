import { expect, test } from "vitest";
import { judge, type Watch } from "../../../operations/verify/checks/alerts.ts";

const up = { address: "10.0.1.11:9100", machine: "core-1", health: "up", error: "" };
const fine: Watch = { targets: [up], alertmanagers: 1, failed: [] };
const judged = (change: Partial<Watch>) => judge({ ...fine, ...change }, "core-1", "dev");

test("alerts are in order where all exporters and the Alertmanager are reached", () => {
  expect(judged({})).toEqual({
    ok: true,
    detail: "1 exporters are watched, and the Alertmanager is reached",
  });
});

test("everything that keeps an alert from its receivers is told, at once", () => {
  const away = { ...up, address: "10.0.1.21:9187", machine: "db-1", health: "down", error: "refused" };
  const new_ = { ...up, health: "unknown" };
  expect(
    judged({
      targets: [up, away, new_],
      alertmanagers: 0,
      failed: [{ integration: "webhook", count: 3 }],
    }),
  ).toEqual({
    ok: false,
    detail:
      "Prometheus on core-1 does not reach 10.0.1.21:9187 of db-1: refused; " +
      "Prometheus on core-1 does not reach 10.0.1.11:9100 of core-1: not asked yet; " +
      "Prometheus on core-1 reaches no Alertmanager; 3 messages by webhook did not arrive within the last hour",
    fix:
      "npx phasewise logs dev -m db-1 says why; npx phasewise logs dev -m core-1 says why; " +
      "npx phasewise logs dev -m core-1 --unit prometheus-alertmanager says why; " +
      "npx phasewise logs dev -m core-1 --unit prometheus-alertmanager says why; phasewise:alerts names the receiver",
  });
  expect(judged({ targets: [] })).toMatchObject({ ok: false, detail: "Prometheus on core-1 asks nobody" });
});
