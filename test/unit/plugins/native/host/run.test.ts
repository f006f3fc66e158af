import { text } from "node:stream/consumers";
import type { ServerChannel } from "ssh2";
import { afterEach, expect, test } from "vitest";
import { SshError } from "../../../../../clients/ssh.ts";
import { host, notLookedAt } from "../../../../../plugins/native/host/host.ts";
import { derivedHostKey } from "../../../../../plugins/native/host/hostKey.ts";
import { drive } from "../../../../../plugins/server/testing.ts";
import { startServer, type TestServer } from "../../../clients/sshServer.ts";
import { bootstrapKey, operatorKey, sampleInputs } from "./sample.ts";

const hostKey = derivedHostKey(operatorKey.privateKey, bootstrapKey.publicKey);
const facts = { memoryBytes: 1, cores: 2, debianVersion: "13.7", kernel: "6", machineId: "m" };
const done = { event: "result", ok: true, facts, hostKey: hostKey.publicKey };

interface Call {
  line: string;
  /** Null for commands that get no stdin. */
  request: { payload: { mode: string; hostKey: unknown; secrets: unknown } } | null;
}

let server: TestServer | null = null;
afterEach(() => server?.stop());

/** A machine whose converger does what `converge` says; returns what it was asked. */
async function machine(
  converge: (channel: ServerChannel, call: number, cut: () => void) => void,
  presented = bootstrapKey,
  other: (line: string) => void = () => undefined,
): Promise<{ inputs: Record<string, unknown>; calls: Call[] }> {
  const calls: Call[] = [];
  let runs = 0;
  server = await startServer({
    userKeys: operatorKey,
    hostKeys: presented,
    command: (line, channel) => {
      if (!line.includes("python3")) {
        if (!line.includes("logger")) calls.push({ line, request: null });
        channel.exit(0);
        channel.end();
        other(line);
        return;
      }
      void text(channel).then((stdin) => {
        calls.push({ line, request: JSON.parse(stdin).request });
        converge(channel, ++runs, () => server?.cut());
      });
    },
  });
  const connection = { host: "127.0.0.1", port: server.port, privateKey: operatorKey.privateKey };
  return { inputs: sampleInputs({ connection }), calls };
}

function say(channel: ServerChannel, ...events: object[]): void {
  for (const event of events) channel.write(`${JSON.stringify(event)}\n`);
}

function end(channel: ServerChannel, ...events: object[]): void {
  say(channel, ...events);
  channel.exit(0);
  channel.end();
}

test("first contact trusts the first-boot key and puts the derived one in its place", async () => {
  const { inputs, calls } = await machine((channel) =>
    end(channel, { event: "progress", role: "base", message: "x" }, done),
  );
  const driven = drive(host);
  await driven.up(inputs);
  expect(driven.state).toMatchObject({
    id: "core-1",
    outputs: { hostKey: hostKey.publicKey, pending: [], facts },
  });
  expect(calls[0]?.request?.payload).toMatchObject({ mode: "converge", hostKey });
  expect(driven.lines).toContain("base: x");
});

test("no secret is in the command, all of them are in its stdin", async () => {
  const { inputs, calls } = await machine((channel) => end(channel, done));
  await drive(host).up(inputs);
  expect(calls[0]?.line).not.toContain("topsecret");
  expect(calls[0]?.request?.payload.secrets).toEqual({ pw: "topsecret" });
});

test("afterwards only the pinned key is trusted, not the first-boot one", async () => {
  const { inputs } = await machine((channel) => end(channel, done));
  const driven = drive(host);
  await driven.up(inputs);
  await expect(driven.up({ ...inputs, deadlineSeconds: 1 })).rejects.toThrow(
    "is not the machine it should be",
  );
});

test("a connection that breaks is made again and attaches to the run", async () => {
  const unit = { event: "unit", unit: "phasewise-converge-1.service", attached: false };
  const { inputs, calls } = await machine((channel, call, cut) => {
    if (call > 1) return end(channel, { ...unit, attached: true }, done);
    say(channel, unit);
    setTimeout(cut, 50);
  });
  const driven = drive(host);
  await driven.up(inputs);
  expect(calls).toHaveLength(2);
  expect(calls[1]?.request).toEqual(calls[0]?.request);
  expect(driven.lines).toEqual([
    "connection lost, connecting again; the run on the machine goes on",
    "attached to the run that is under way",
  ]);
});

test("a cancelled run is asked to stop and its end is waited for", async () => {
  const stop = new AbortController();
  let running: ServerChannel | null = null;
  const { inputs, calls } = await machine(
    (channel) => {
      running = channel;
      say(channel, { event: "unit", unit: "phasewise-converge-7.service", attached: false });
      stop.abort(new Error("cancelled"));
    },
    bootstrapKey,
    () => running !== null && end(running, { event: "result", ok: false, cancelled: true }),
  );
  await expect(drive(host, { signal: stop.signal }).up(inputs)).rejects.toThrow(
    "core-1: stopped on request at a safe place. What was done stays; run again to go on.",
  );
  expect(calls[1]?.line).toBe("systemctl kill --kill-whom=main --signal=TERM phasewise-converge-7.service");
});

test("a machine without Python is told apart", async () => {
  const { inputs } = await machine((channel) => {
    channel.exit(127);
    channel.end();
  });
  await expect(drive(host).up(inputs)).rejects.toThrow("The machine has no python3");
});

test("an operator's new key comes in with the old one, where the machine does not know it yet", async () => {
  const { inputs, calls } = await machine((channel) => end(channel, done), hostKey);
  const connection = inputs.connection as object;
  const driven = drive(host);
  await driven.up(inputs);
  const renewed = derivedHostKey("another", bootstrapKey.publicKey);
  await driven.up({ ...inputs, connection: { ...connection, privateKey: renewed.privateKey } });
  expect(calls).toHaveLength(2);
  expect(calls[1]?.request?.payload.hostKey).toEqual(hostKey);
  expect(driven.state?.outputs.hostKey).toBe(hostKey.publicKey);
});

test("a refresh asks and changes nothing, and a preview then shows the way back", async () => {
  const difference = {
    role: "cache",
    kind: "unit",
    name: "redis-server.service",
    what: ["start"],
    actual: { active: "failed" },
  };
  const { inputs, calls } = await machine(
    (channel, call) => end(channel, call === 1 ? done : { ...done, differences: [difference] }),
    hostKey,
  );
  const driven = drive(host);
  await driven.up(inputs);
  await driven.refresh();
  expect(calls[1]?.request?.payload).toMatchObject({ mode: "check", hostKey: null });
  const { diff } = await driven.preview(inputs);
  expect(diff?.detailed).toEqual({ "manifest.roles.cache.units[0].found": "delete" });
});

test("a probe that came to no answer is told, and is no drift", async () => {
  const unanswered = [{ role: "cache", kind: "step", name: "cluster made" }];
  const { inputs } = await machine(
    (channel, call) => end(channel, call === 1 ? done : { ...done, unanswered }),
    hostKey,
  );
  const driven = drive(host);
  await driven.up(inputs);
  await driven.refresh();
  expect(driven.messages).toEqual([
    'warning: not known: core-1: cache: "cluster made" could not be looked at in time, and the step is taken to be as it was.',
  ]);
  expect((await driven.up(inputs)).steps).toEqual(["same"]);
});

test("a machine that is too busy to be looked at is kept as it was; one that is down has drifted", async () => {
  const { inputs } = await machine((channel) => end(channel, done));
  const driven = drive(host);
  await driven.up(inputs);
  const state = driven.state!;
  const looked = (answered: boolean) => {
    const said: string[] = [];
    const error = new SshError(
      "root@198.18.0.2:22 cannot be reached by SSH: no answer.\nMore.",
      "unreachable",
      answered,
    );
    return { kept: notLookedAt(state, error, (line) => said.push(line)), said };
  };
  expect(looked(true)).toEqual({
    kept: { id: state.id, inputs: state.inputs, outputs: state.outputs },
    said: [
      "not known: core-1 is too busy to be looked at, and taken to be as it was: root@198.18.0.2:22 cannot be reached by SSH: no answer.",
    ],
  });
  expect(looked(false)).toMatchObject({
    kept: { inputs: { manifest: { found: ["not reachable"] } } },
    said: ["root@198.18.0.2:22 cannot be reached by SSH: no answer."],
  });
  expect(() => notLookedAt(state, new SshError("not the machine", "hostkey", true), () => {})).toThrow(
    "not the machine",
  );
});

test("another machine id replaces the Host; an import is refused with what to do", async () => {
  const { inputs } = await machine((channel) => end(channel, done));
  const driven = drive(host);
  await driven.up({ ...inputs, machineId: "1" });
  expect((await driven.preview({ ...inputs, machineId: "2" })).diff?.replaces).toEqual(["machineId"]);
  await expect(drive(host).import("core-1")).rejects.toThrow("Declare the Host instead");
});
