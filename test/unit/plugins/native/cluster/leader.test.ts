import { expect, test } from "vitest";
import type { PatroniCluster } from "../../../../../clients/patroni.ts";
import { SshError } from "../../../../../clients/ssh.ts";
import { findLeader, NoLeader, type Reachable } from "../../../../../plugins/native/cluster/leader.ts";

const seen = (leader: string): PatroniCluster =>
  ({
    members: ["db-1", "db-2"].map((name) => ({
      name,
      role: name === leader ? "leader" : "replica",
      state: name === leader ? "running" : "streaming",
    })),
  }) as unknown as PatroniCluster;

/** db-1 is gone; db-2 says who leads, round after round. */
function members(...leaders: string[]): Reachable {
  let round = 0;
  const remote = {
    patroni: { cluster: async () => seen(leaders[Math.min(round++, leaders.length - 1)]!) },
    script: async () => ({ stdout: "" }),
  };
  return {
    names: ["db-1", "db-2"],
    remote: (async (name: string) => {
      if (name === "db-1") throw new SshError("root@198.18.0.4:22 cannot be reached by SSH", "unreachable");
      return remote;
    }) as unknown as Reachable["remote"],
  };
}

const options = (seconds: number) => ({
  signal: new AbortController().signal,
  end: Date.now() + seconds * 1000,
  onWait: () => undefined,
  onWarning: () => undefined,
});

test("a leader that is lost keeps its lead for a while: the next one is waited for", async () => {
  const { name } = await findLeader(members("db-1", "db-1", "db-2"), options(30));
  expect(name).toBe("db-2");
});

test("a leader that stays away is no leader, and the time is up", async () => {
  const found = findLeader(members("db-1"), options(0.5));
  await expect(found).rejects.toThrow(NoLeader);
  await expect(found).rejects.toThrow(
    "the leader db-1 cannot be reached: root@198.18.0.4:22 cannot be reached",
  );
});
