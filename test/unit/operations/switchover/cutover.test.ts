import { describe, expect, it } from "vitest";
import { SshLost } from "../../../../clients/ssh.ts";
import { endOf, follow, lastWords } from "../../../../operations/switchover/cutover.ts";
import type { Machine } from "../../../../operations/topology.ts";

const times = { drainMs: 10, stopMs: 74, catchUpMs: 2, promoteMs: 45, resumeMs: 2, heldMs: 137, firstMs: 9 };
const text = (...lines: object[]) => lines.map((line) => JSON.stringify(line)).join("\n");

describe("what a cutover's coordinator said", () => {
  it("goes on until it says how it ended", () => {
    expect(endOf("")).toBeNull();
    expect(endOf(text({ doing: "pause Patroni" }, { doing: "move" }))).toBeNull();
  });

  it("is the times of each part where the primary was moved", () => {
    const end = endOf(
      text({ doing: "wait for the new leader", ...times }, { done: true, seconds: 4, ...times }),
    );
    expect(end).toEqual({ moved: true, times });
  });

  it("is a success without times where what came after a kill finished it", () => {
    const end = endOf(
      text({ doing: "move" }, { doing: "settle", primary: "db-1" }, { done: true, settled: true }),
    );
    expect(end).toEqual({ moved: true, times: null });
  });

  it("is the reason where it was turned back", () => {
    const failed = { failed: "a transaction did not end within 0.5 s", stage: "holding" };
    const settled = [
      { doing: "settle", primary: "whom Patroni chooses" },
      { done: false, settled: true },
    ];
    expect(endOf(text(failed, ...settled))).toEqual({
      moved: false,
      reason: failed.failed,
      clean: true,
    });
    expect(endOf(text({ doing: "move" }, ...settled))).toEqual({
      moved: false,
      reason: "its coordinator was killed",
      clean: false,
    });
  });
});

it("where the clean-up failed as well, the reason is told, and what was printed last", () => {
  const said = text({ doing: "move" }, { failed: "a transaction did not end within 0.5 s" });
  expect(lastWords(`${said}\nTraceback:\nlink.Failed: no answer\n`, "unit failed\n").split("\n")).toEqual([
    "a transaction did not end within 0.5 s, and its clean-up did not come to its end",
    ...said.split("\n").filter(Boolean),
    "Traceback:",
    "link.Failed: no answer",
    "unit failed",
  ]);
  expect(lastWords("", "unit failed")).toMatch(/^its coordinator ended without a word, and its clean-up/);
});

describe("following a cutover", () => {
  /** A gateway whose coordinator has moved the primary; it gives these answers first. */
  function gateway(...first: (Error | string)[]) {
    const lines: string[] = [];
    const run = async (_: Machine, command: string) => {
      const answer = first.shift();
      if (answer instanceof Error) throw answer;
      if (answer !== undefined) return answer;
      return command.startsWith("cat ") ? text({ done: true, seconds: 4, ...times }) : "inactive\ninactive\n";
    };
    const ctx = { onLine: (line: string) => void lines.push(line) };
    return { lines, followed: follow({ run }, { name: "core-1" } as Machine, ctx) };
  }

  it("outlasts a gateway that does not answer for a while: the move goes on there", async () => {
    const { followed, lines } = gateway("active\nactive\n", "", new SshLost("the connection broke"));
    expect(await followed).toEqual({ moved: true, times });
    expect(lines).toEqual(["  core-1 does not answer; what was begun goes on there: asking again ..."]);
  });

  it("ends with whatever else goes wrong", async () => {
    await expect(gateway(new Error("no such command")).followed).rejects.toThrow("no such command");
  });
});
