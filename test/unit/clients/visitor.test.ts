import { expect, test } from "vitest";
import { announce, journalEntry, visitorOf } from "../../../clients/ssh/visitor.ts";
import { connect } from "../../../clients/ssh.ts";
import { startServer } from "./sshServer.ts";

test("who comes is named by the stack's file, else by the login", () => {
  const env = { PHASEWISE_OPERATOR: "alice", PHASEWISE_COMMAND: "rollout production" };
  expect(visitorOf(env, "laptop", "al")).toEqual({
    person: "alice",
    from: "al@laptop",
    command: "rollout production",
  });
  expect(visitorOf({}, "laptop", "al")).toEqual({ person: "al", from: "al@laptop", command: "pulumi" });
});

test("whoever became root by sudo keeps their name", () => {
  expect(visitorOf({ SUDO_USER: "anna" }, "laptop", "root")).toMatchObject({
    person: "anna",
    from: "anna@laptop",
  });
});

test("a name cannot write fields of its own into the journal", () => {
  const visitor = visitorOf({
    PHASEWISE_OPERATOR: "eve\n_UID=1\u001b[2J",
    PHASEWISE_COMMAND: "x".repeat(200),
  });
  expect(visitor.person).toBe("eve_UID=1[2J");
  expect(visitor.command).toHaveLength(80);
  expect(journalEntry(visitor).split("\n")).toHaveLength(7);
});

test("a journal that cannot be written says why, and keeps nobody out", async () => {
  const session = (code: number, stderr: string) => ({ exec: async () => ({ code, stdout: "", stderr }) });
  const visitor = visitorOf({});
  expect(await announce(session(0, ""), visitor)).toBeNull();
  expect(await announce(session(1, "logger: socket: no such file\n"), visitor)).toBe(
    "logger: socket: no such file",
  );
  expect(await announce(session(124, ""), visitor)).toBe("exit code 124");
});

test("a connection that breaks before it could be told who comes counts as none", async () => {
  let cuts = 0;
  const server = await startServer({
    command: (_, channel) => {
      if (cuts++ === 0) return server.cut();
      channel.exit(0);
      channel.end();
    },
  });
  const reasons: string[] = [];
  const { port, privateKey, hostKey } = server;
  const target = { host: "127.0.0.1", port, user: "root", privateKey, hostKeys: [hostKey] };
  const session = await connect(
    { ...target, visitor: visitorOf({}) },
    { deadlineMs: 10_000, onWait: (_, reason) => reasons.push(reason) },
  );
  session.close();
  await server.stop();
  expect(cuts).toBe(2);
  expect(reasons).toEqual(["the connection was lost"]);
});
