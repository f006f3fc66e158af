import { expect, test } from "vitest";
import type { PatroniCluster } from "../../../../../clients/patroni.ts";
import type { Members, WaitOptions } from "../../../../../plugins/native/cluster/leader.ts";
import type { Remote } from "../../../../../plugins/native/cluster/remote.ts";
import { awaited, missingMembers, waitForWhole } from "../../../../../plugins/native/cluster/whole.ts";

const leader = { name: "db-1", role: "leader", state: "running", timeline: 3 };
const standby = { name: "db-2", role: "replica", state: "streaming", timeline: 3 };
const both = ["db-1", "db-2"];
const missing = (...members: PatroniCluster["members"]) => missingMembers({ members }, both);

test("a cluster is whole when one leads and all others stream from it on its timeline", () => {
  expect(missing(leader, standby)).toEqual([]);
  expect(missing(leader, { ...standby, role: "sync_standby" })).toEqual([]);
});

test("who does not follow the leader is named with the reason", () => {
  const reasons = (...members: PatroniCluster["members"]) => missing(...members).map(({ reason }) => reason);
  expect(reasons(leader)).toEqual(["db-2 is not there yet"]);
  expect(reasons(leader, { ...standby, state: "starting" })).toEqual(["db-2 starting"]);
  expect(reasons(leader, { ...standby, timeline: 2 })).toEqual(["db-2 on timeline 2"]);
  // It runs, on what it has: from whom it gets more nobody knows.
  expect(reasons(leader, { ...standby, state: "running" })).toEqual(["db-2 running"]);
  expect(reasons({ ...leader, state: "starting" }, standby)).toEqual(["db-1 starting"]);
});

test("a member that copies the data is told from one that is stuck", () => {
  const copying = { ...standby, state: "creating replica", timeline: undefined };
  expect(missing(leader, copying)).toEqual([
    { name: "db-2", reason: "db-2 creating replica", copying: true },
  ]);
});

test("nobody waits for members that join a cluster that runs", () => {
  const member = { connection: {} as never, hostKey: "" };
  expect(awaited({ members: { "core-1": member, "db-1": { ...member, joining: true } } })).toEqual([
    "core-1",
  ]);
});

/** A leader that shows one view of the cluster after the other, the last one for ever. */
function leaderThatSees(...views: PatroniCluster["members"][]): Remote {
  const cluster = async () => ({ members: views.length > 1 ? views.shift()! : views[0]! });
  return { patroni: { cluster } } as unknown as Remote;
}

function waiting(end: number): WaitOptions & { warnings: string[] } {
  const warnings: string[] = [];
  return {
    signal: new AbortController().signal,
    end,
    onWait: () => {},
    onWarning: (line) => warnings.push(line),
    warnings,
  };
}

const unreachable = {
  remote: async () => {
    throw new Error("db-2 does not answer");
  },
} as unknown as Members;

test("it is waited for until the cluster is whole", async () => {
  const remote = leaderThatSees([leader], [leader, { ...standby, state: "starting" }], [leader, standby]);
  await waitForWhole(unreachable, remote, both, waiting(Date.now() + 10_000));
});

test("past the deadline a member that copies is left to it, another one is an error that says why", async () => {
  const copying = { ...standby, state: "creating replica" };
  const patient = waiting(Date.now() - 1);
  await waitForWhole(unreachable, leaderThatSees([leader, copying]), both, patient);
  expect(patient.warnings).toEqual(["db-2 still copies the data and follows by itself when that is done."]);
  await expect(
    waitForWhole(unreachable, leaderThatSees([leader]), both, waiting(Date.now() - 1)),
  ).rejects.toThrow(
    "The cluster has a leader but is not whole after 0 s: db-2 is not there yet.\n" +
      "What was changed stays. Repair these members and run again.\n" +
      "db-2: db-2 does not answer",
  );
});
