import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { parseSurvey, surveyCommand, withoutIdle, workOf } from "../../../../operations/rollout/survey.ts";

const said = [
  "since\t1795272572\t",
  "boot\t9695c027-1978-4453-b9ca-e6bd7827b788\t",
  "held\tpostgresql-17\t17.11-0+deb13u1\t17.12-0+deb13u1\t",
  "held\tpatroni\t4.0.7-3~deb13u1\t4.0.7-3~deb13u1\t",
  "held\tredis-server\t(none)\t5:8.0.2-3\t",
  "security\tlibssl3t64\t",
  "reboot\tan update asks for it: libc6 \t",
].join("\n");

test("what a machine says of itself: held packages with another version only", () => {
  expect(parseSurvey("db-1", said)).toEqual({
    machine: "db-1",
    since: 1795272572,
    bootId: "9695c027-1978-4453-b9ca-e6bd7827b788",
    security: ["libssl3t64"],
    packages: [{ name: "postgresql-17", from: "17.11-0+deb13u1", to: "17.12-0+deb13u1" }],
    reboot: "an update asks for it: libc6",
    stale: false,
  });
  expect(() => parseSurvey("db-1", "held\tx\t1\t2\t")).toThrow("db-1 says nothing of itself");
});

test("the script is one that a shell can read, and asks apt only where updates are wanted", () => {
  for (const only of [null, ["reboot" as const]]) {
    const script = surveyCommand({ only });
    execFileSync("sh", ["-n"], { input: script });
    expect(script.includes("apt-get")).toBe(only === null);
  }
});

test("kinds that are not asked for are left out; an updated package restarts what runs it", () => {
  const { stale: _, ...survey } = parseSurvey("db-1", said);
  const pending = [
    { machine: "db-1", what: "etcd.service", reason: "/etc/default/etcd" },
    { machine: "db-2", what: "PostgreSQL", reason: "max_connections" },
  ];
  const all = workOf(survey, pending, { only: null, reboot: false });
  expect(all.restarts).toEqual([
    { what: "etcd.service", reason: "/etc/default/etcd" },
    { what: "PostgreSQL", reason: "postgresql-17 is updated" },
  ]);
  expect(all.reboot).toBe("an update asks for it: libc6");
  const restarts = workOf(survey, pending, { only: ["restarts"], reboot: false });
  expect(restarts).toMatchObject({ packages: [], security: [], reboot: null });
  expect(restarts.restarts.map(({ what }) => what)).toEqual(["etcd.service"]);
  const idle = workOf({ ...survey, packages: [], security: [], reboot: null }, [], {
    only: null,
    reboot: false,
  });
  expect(withoutIdle([all, idle])).toEqual([all]);
  expect(workOf({ ...survey, reboot: null }, [], { only: ["restarts"], reboot: true }).reboot).toBe(
    "asked for",
  );
});
