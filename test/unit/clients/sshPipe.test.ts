import { text } from "node:stream/consumers";
import { afterEach, expect, test } from "vitest";
import { pipeBetween } from "../../../clients/ssh/pipe.ts";
import { connect, SshLost, type SshSession } from "../../../clients/ssh.ts";
import { type Command, startServer, type TestServer } from "./sshServer.ts";

const servers: TestServer[] = [];
const sessions: SshSession[] = [];
afterEach(async () => {
  for (const session of sessions.splice(0)) session.close();
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});

async function serve(command: Command): Promise<{ session: SshSession; server: TestServer }> {
  const server = await startServer({ command });
  servers.push(server);
  const { hostKey, port, privateKey } = server;
  const session = await connect({ host: "127.0.0.1", port, user: "root", privateKey, hostKeys: [hostKey] });
  sessions.push(session);
  return { session, server };
}

/** Takes everything, and says how it ended. */
function taking(): { command: Command; input: Promise<string> } {
  let done: (input: string) => void;
  const input = new Promise<string>((resolve) => {
    done = resolve;
  });
  const command: Command = (_line, channel) => {
    void text(channel).then((all) => {
      done(all);
      channel.stderr.write("noted");
      channel.write("[1]");
      channel.exit(0);
      channel.end();
    });
  };
  return { command, input };
}

const options = { before: "BEGIN;", after: "COMMIT;", signal: new AbortController().signal };

test("all of it goes over, more than any buffer holds, between what comes before and after", async () => {
  const piece = Buffer.alloc(64 * 1024, "x");
  const giver = await serve((_line, channel) => {
    void (async () => {
      for (let i = 0; i < 100; i++)
        if (!channel.write(piece)) await new Promise((resolve) => channel.once("drain", resolve));
      channel.exit(0);
      channel.end();
    })();
  });
  const { command, input } = taking();
  const taker = await serve(command);
  const result = await pipeBetween({ ...giver, command: "dump" }, { ...taker, command: "load" }, options);
  expect(result).toEqual({
    giver: { code: 0, stderr: "" },
    taker: { code: 0, stderr: "noted", stdout: "[1]" },
    bytes: 100 * piece.length,
  });
  const got = await input;
  expect(got.length).toBe(6 + 100 * piece.length + 7);
  expect(got.endsWith("xCOMMIT;")).toBe(true);
});

test("a giver that fails half-way: the taker's input ends without what would confirm it", async () => {
  const giver = await serve((_line, channel) => {
    channel.write("half");
    channel.stderr.write("no more");
    channel.exit(1);
    channel.end();
  });
  const { command, input } = taking();
  const taker = await serve(command);
  const { giver: gave } = await pipeBetween(
    { ...giver, command: "dump" },
    { ...taker, command: "load" },
    options,
  );
  expect(gave).toEqual({ code: 1, stderr: "no more" });
  expect(await input).toBe("BEGIN;half");
});

test("a giver whose connection breaks: nothing is confirmed, and it is thrown", async () => {
  const giver = await serve((_line, channel) => {
    channel.write("half");
    setTimeout(() => giver.server.cut(), 50);
  });
  const { command, input } = taking();
  const taker = await serve(command);
  const piped = pipeBetween({ ...giver, command: "dump" }, { ...taker, command: "load" }, options);
  await expect(piped).rejects.toThrow(SshLost);
  expect(await input).toBe("BEGIN;half");
});

test("a taker that ends first tells why, and the giver is let go", async () => {
  let givenUp = false;
  const giver = await serve((_line, channel) => {
    const timer = setInterval(() => channel.write("more"), 5);
    channel.resume();
    channel.on("close", () => {
      givenUp = true;
      clearInterval(timer);
    });
  });
  const taker = await serve((_line, channel) => {
    channel.once("data", () => {
      channel.stderr.write("ERROR: it is there already");
      channel.exit(3);
      channel.end();
    });
  });
  const result = await pipeBetween({ ...giver, command: "dump" }, { ...taker, command: "load" }, options);
  expect(result).toMatchObject({ giver: null, taker: { code: 3, stderr: "ERROR: it is there already" } });
  await expect.poll(() => givenUp).toBe(true);
});

test("an interrupt ends both without a confirmation", async () => {
  const stop = new AbortController();
  const giver = await serve((_line, channel) => {
    channel.write("half");
    setTimeout(() => stop.abort(new Error("enough")), 50);
  });
  const { command, input } = taking();
  const taker = await serve(command);
  const piped = pipeBetween(
    { ...giver, command: "dump" },
    { ...taker, command: "load" },
    { ...options, signal: stop.signal },
  );
  await expect(piped).rejects.toThrow("enough");
  expect(await input).toBe("BEGIN;half");
});
