import { expect, test } from "vitest";
import { hetznerPlan } from "../../../infra/hetzner/plan.ts";
import { blueprintOf } from "../../../infra/phases/available.ts";
import { config, faults } from "./settings.ts";

const dumps = (settings: Record<string, unknown>) => ({ "phasewise:backup": { dumps: settings } });

test("dumps are made where they are asked for, of the stack's database if nothing else is said", () => {
  expect(config().backup.dumps).toBeNull();
  expect(config(dumps({})).backup.dumps).toEqual({ at: "03:00", databases: ["app"], keepDays: 7, jobs: 2 });
  const named = { ...dumps({}), "phasewise:database": { name: "shop" } };
  expect(config(named).backup.dumps?.databases).toEqual(["shop"]);
});

test("every member of a cluster has the role, and no other machine", () => {
  const rolesOf = (change: Record<string, unknown>) => {
    const settings = config({ ...change, "phasewise:phase": 2 });
    const plan = hetznerPlan(blueprintOf(settings), settings, "production");
    return plan.machines.filter(({ roles }) => roles.includes("dump")).map(({ name }) => name);
  };
  expect(rolesOf(dumps({}))).toEqual(["db-1", "db-2"]);
  expect(rolesOf({})).toEqual([]);
});

test("all faults are told at once", () => {
  const path = "phasewise:backup.dumps";
  expect(faults(dumps({ at: "3:00", databases: ["a b"], keepDays: 0, jobs: 99 }))).toEqual([
    `${path}.at: "3:00" | a time of day in UTC, as 03:00 | write hours and minutes, as "03:00"`,
    `${path}.databases[0]: "a b" | a database's name: letters, digits, underscores and hyphens, 63 at most | write the name of a database of this stack`,
    `${path}.keepDays: 0 | a whole number from 1 to 3650 (days) | set it to 1 or more`,
    `${path}.jobs: 99 | a whole number from 1 to 16 (connections at once) | set it to 16 or less`,
  ]);
  const allowed = "the names of databases, each once";
  const fix = "leave it out: then it is the stack's own database; without any, leave out dumps";
  expect(faults(dumps({ databases: [] }))).toEqual([
    `${path}.databases: an empty list | ${allowed} | ${fix}`,
  ]);
  expect(faults(dumps({ databases: ["app", "app"] }))).toEqual([
    `${path}.databases: "app" twice | ${allowed} | ${fix}`,
  ]);
});
