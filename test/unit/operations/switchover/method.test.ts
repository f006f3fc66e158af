import { expect, test } from "vitest";
import { methodFor } from "../../../../operations/switchover/method.ts";
import type { Machine } from "../../../../operations/topology.ts";

const members = ["core-1", "db-1", "db-2"].map((name) => ({ name }) as Machine);

/** @param silent Those that cannot be reached, and those whose Patroni gives no answer. */
async function chosen(silent: { unreachable?: string; mute?: string }) {
  const lines: string[] = [];
  const patroni = async ({ name }: Machine) => {
    if (name === silent.unreachable) throw new Error("cannot be reached");
    const status = async () => {
      if (name === silent.mute) throw new Error("no answer");
      return { state: "running" };
    };
    return { status } as never;
  };
  const method = await methodFor(members, { patroni }, { onLine: (line) => void lines.push(line) });
  return { method, lines };
}

test("the fast way needs an answer of every member; without one Patroni moves the primary itself", async () => {
  expect(await chosen({})).toEqual({ method: "direct", lines: [] });
  for (const silent of [{ unreachable: "db-1" }, { mute: "db-1" }]) {
    expect(await chosen(silent)).toEqual({
      method: "patroni",
      lines: ["db-1 does not answer: Patroni moves the primary itself"],
    });
  }
});
