import { type AddressInfo, connect as connectTcp, createServer as createTcp } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, expect, test } from "vitest";
import { fingerprint } from "../../../clients/ssh/attempt.ts";
import { connect, type SshTarget } from "../../../clients/ssh.ts";
import { type Command, freePort, keyPair, startServer, type TestServer } from "./sshServer.ts";

const servers: TestServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});

async function serve(command?: Command): Promise<{ server: TestServer; target: SshTarget }> {
  const server = await startServer({ command });
  servers.push(server);
  return { server, target: targetOf(server) };
}

function targetOf(server: TestServer): SshTarget {
  return {
    host: "127.0.0.1",
    port: server.port,
    user: "root",
    privateKey: server.privateKey,
    hostKeys: [server.hostKey],
  };
}

test("a command gets its stdin and gives its output and its exit code", async () => {
  const { target } = await serve((line, channel) => {
    void text(channel).then((input) => {
      channel.write(`${line}: ${input}`);
      channel.stderr.write("careful");
      channel.exit(3);
      channel.end();
    });
  });
  const session = await connect(target);
  const pieces: string[] = [];
  const result = await session.exec("cat", { stdin: "hällo", onStdout: (piece) => pieces.push(piece) });
  expect(result).toEqual({ code: 3, stdout: "cat: hällo", stderr: "careful" });
  expect(pieces.join("")).toBe("cat: hällo");
  session.close();
});

test("an attached command that ends at once gives its own exit code", async () => {
  const { target } = await serve((line, channel) => {
    channel.exit(Number(line));
    channel.end();
  });
  const session = await connect(target);
  for (const code of [0, 3, 0, 7]) expect(await session.attach(String(code))).toBe(code);
  session.close();
});

test("a machine that never answers: the error says how often it was tried and what to check", async () => {
  const port = await freePort();
  const target = {
    host: "127.0.0.1",
    port,
    user: "root",
    privateKey: keyPair().privateKey,
    hostKeys: [keyPair().publicKey],
  };
  const waits: string[] = [];
  const failure = connect(target, {
    deadlineMs: 400,
    onWait: (seconds, reason) => waits.push(`${seconds} ${reason}`),
  });
  await expect(failure).rejects.toThrow(
    new RegExp(
      `^root@127.0.0.1:${port} cannot be reached by SSH: connection refused \\(tried 3 times in 0 s\\)\\.\n` +
        "Nothing was changed on it\\. Check that the server runs and that its firewall lets this machine in on that port\\.$",
    ),
  );
  expect(waits).toEqual(["0 connection refused", "0 connection refused"]);
});

test("a machine that takes connections and is too busy for more gets more time, and is told from one that is down", async () => {
  const silent = createTcp((socket) => void socket.on("error", () => {}).resume());
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  const { port } = silent.address() as AddressInfo;
  const keys = keyPair();
  const target = {
    host: "127.0.0.1",
    port,
    user: "root",
    privateKey: keys.privateKey,
    hostKeys: [keys.publicKey],
  };
  const patience = { deadlineMs: 50, attemptMs: 100 };
  const begin = Date.now();
  await expect(connect(target, patience)).rejects.toMatchObject({ kind: "unreachable", answered: true });
  const waits: string[] = [];
  const busy = connect(target, { ...patience, busyMs: 1000, onWait: (_, reason) => waits.push(reason) });
  await expect(busy).rejects.toMatchObject({ kind: "unreachable", answered: true });
  expect(Date.now() - begin).toBeGreaterThan(800);
  // Each attempt twice as long as the one before: a handful, not ten.
  expect(waits.length).toBeGreaterThan(0);
  expect(waits.length).toBeLessThan(6);
  expect(new Set(waits)).toEqual(new Set(["no answer"]));
  await new Promise((resolve) => silent.close(resolve));
  const down = connect({ ...target, port: await freePort() }, { ...patience, busyMs: 60_000 });
  await expect(down).rejects.toMatchObject({ kind: "unreachable", answered: false });
});

test("a machine that comes up later is waited for", async () => {
  const port = await freePort();
  const hostKeys = keyPair();
  const userKeys = keyPair();
  const target = {
    host: "127.0.0.1",
    port,
    user: "root",
    privateKey: userKeys.privateKey,
    hostKeys: [hostKeys.publicKey],
  };
  const pending = connect(target, { deadlineMs: 10_000 });
  await new Promise((resolve) => setTimeout(resolve, 250));
  servers.push(await startServer({ port, hostKeys, userKeys }));
  (await pending).close();
});

test("another host key is refused before anything is sent", async () => {
  const { server, target } = await serve();
  const expected = keyPair().publicKey;
  const blob = (line: string) => fingerprint(Buffer.from(line.split(" ")[1] ?? "", "base64"));
  await expect(connect({ ...target, hostKeys: [expected] }, { deadlineMs: 0 })).rejects.toThrow(
    `root@127.0.0.1:${server.port} is not the machine it should be: it shows the host key ${blob(server.hostKey)}, ` +
      `expected ${blob(expected)}.\nNothing was sent to it. If the server was rebuilt on purpose, replace its Host ` +
      "resource (pulumi up --replace <urn>); if not, find out who answers at this address.",
  );
});

test("any of several pinned host keys will do", async () => {
  const { target } = await serve();
  const session = await connect({ ...target, hostKeys: [keyPair().publicKey, ...target.hostKeys] });
  session.close();
});

test("a refused key and a key that is none", async () => {
  const { server, target } = await serve();
  await expect(connect({ ...target, privateKey: keyPair().privateKey }, { deadlineMs: 0 })).rejects.toThrow(
    `root@127.0.0.1:${server.port} refuses the operator's key: permission denied (public key).`,
  );
  await expect(connect({ ...target, privateKey: "rubbish" })).rejects.toThrow(
    "the private key cannot be used",
  );
});

test("a connection that breaks in the middle of a command is an error of its own", async () => {
  const { server, target } = await serve(() => setTimeout(() => server.cut(), 50));
  const session = await connect(target);
  await expect(session.exec("sleep 100")).rejects.toThrow(
    `the SSH connection to root@127.0.0.1:${server.port} was lost`,
  );
  await expect(session.exec("true")).rejects.toThrow("is closed");
});

test("an abort ends the wait and the command", async () => {
  const { target } = await serve(() => undefined);
  const stop = new AbortController();
  const waiting = connect({ ...target, port: await freePort() }, { deadlineMs: 60_000, signal: stop.signal });
  const session = await connect(target);
  const running = session.exec("sleep 100", { signal: stop.signal });
  setTimeout(() => stop.abort(new Error("enough")), 50);
  await expect(waiting).rejects.toThrow("enough");
  await expect(running).rejects.toThrow("enough");
  session.close();
});

test("a tunnel leads to the port as the machine sees it", async () => {
  const { target } = await serve();
  const session = await connect(target);
  const tunnel = await session.forward("10.0.1.21", 8008);
  expect(await text(connectTcp(tunnel.port, "127.0.0.1"))).toBe("10.0.1.21:8008");
  session.close();
});
