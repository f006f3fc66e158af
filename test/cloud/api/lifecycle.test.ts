import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  cloudEnv,
  cloudStatus,
  destroyCloud,
  type RunningCloud,
  startCloud,
  stopCloud,
} from "../../../cloud/lifecycle.ts";
import { certificateFiles, publicKey } from "./fakeWorld.ts";
import { hcloudPython } from "./tools.ts";

/** The whole of it on real machines: as root, with the host's packages; builds the bare image where there is none. */

let directory: string;
let cloud: RunningCloud;
let before: string[];

// biome-ignore lint/suspicious/noExplicitAny: replies are checked by what the tests expect of them
type Json = any;

async function call(method: string, path: string, body?: unknown): Promise<{ status: number; body: Json }> {
  const response = await fetch(`${cloud.endpoint}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${cloud.token}`,
      "content-type": "application/json",
      connection: "close",
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: JSON.parse((await response.text()) || "null") };
}

async function finished(action: Json): Promise<Json> {
  for (;;) {
    const now = (await call("GET", `/actions/${action.id}`)).body.action;
    if (now.status !== "running") return now;
    await sleep(50);
  }
}

async function create(name: string, more: object = {}): Promise<Json> {
  const body = { name, server_type: "cpx22", image: "debian-13", location: "fsn1", ...more };
  const reply = await call("POST", "/servers", body);
  expect(reply.status, JSON.stringify(reply.body)).toBe(201);
  return reply.body;
}

async function createRunning(name: string, more: object = {}): Promise<Json> {
  const made = await create(name, more);
  for (const action of [made.action, ...made.next_actions])
    expect(await finished(action)).toMatchObject({ error: null });
  return (await call("GET", `/servers/${made.server.id}`)).body.server;
}

/** Whether something listens on the machine's port 22, within so long. */
async function sshAnswers(ip: string, milliseconds = 20_000): Promise<boolean> {
  for (const deadline = Date.now() + milliseconds; Date.now() < deadline; await sleep(100)) {
    const answers = await new Promise<boolean>((resolve) => {
      const socket = connect({ host: ip, port: 22, timeout: 1000 });
      const end = (result: boolean) => {
        socket.destroy();
        resolve(result);
      };
      socket.once("data", () => end(true));
      socket.once("error", () => end(false));
      socket.once("timeout", () => end(false));
    });
    if (answers) return true;
  }
  return false;
}

/** Everything on this host that could be a cloud's: one line each. */
async function traces(): Promise<string[]> {
  const run = async (command: string) =>
    (await execa("sh", ["-c", command], { reject: false })).stdout.split("\n");
  const lines = await Promise.all([
    run("ip netns list | cut -d' ' -f1"),
    run("ip -brief link | cut -d' ' -f1 | cut -d@ -f1"),
    run("ip route; ip -6 route"),
    run("losetup --list --noheadings --output NAME,BACK-FILE"),
    run("cut -d' ' -f2 /proc/mounts"),
    run("ls -d /dev/phasewise/* /run/phasewise/* /var/lib/phasewise-cloud/slots/*"),
    run("find /sys/fs/cgroup -maxdepth 4 -path '*phasewise*' -type d"),
  ]);
  return lines.flat().filter((line) => line !== "");
}

/** What of this cloud is there still: its slot's names, or its folder. */
async function leftovers(): Promise<string[]> {
  const now = await traces();
  const slot = cloud.publicRange.gateway.replace(/\.1$/, ".");
  const processes = (await execa("ps", ["-eo", "pid,args"])).stdout
    .split("\n")
    .filter((line) => line.includes(directory));
  const mine = now.filter(
    (line) => !before.includes(line) && (line.includes(directory) || line.includes(slot)),
  );
  return [...mine, ...processes];
}

async function killDaemon(): Promise<void> {
  process.kill(cloud.pid, "SIGKILL");
  while ((await cloudStatus({ directory })).state !== "stopped") await sleep(20);
}

beforeAll(async () => {
  before = await traces();
  directory = await mkdtemp(join(tmpdir(), "phasewise-cloud-"));
  await rm(directory, { recursive: true });
});
afterAll(async () => {
  if (directory) await destroyCloud({ directory });
});

describe("the embedded cloud", () => {
  it("is absent before it is started", async () => {
    expect(await cloudStatus({ directory })).toEqual({ state: "absent" });
    expect(await stopCloud({ directory })).toBe(false);
    await destroyCloud({ directory });
  });

  it("refuses a token that is none and changes nothing", async () => {
    await expect(startCloud({ directory, token: "short" })).rejects.toMatchObject({
      happened: "The API token has 5 characters; it must have 64.",
      left: "Nothing was changed.",
    });
    await expect(stat(directory)).rejects.toThrow("ENOENT");
  });

  it("comes up once for two callers at once", async () => {
    const lines: string[] = [];
    const [one, two] = await Promise.all([
      startCloud({ directory, imagePackages: [], onProgress: (line) => lines.push(line) }),
      startCloud({ directory }),
    ]);
    cloud = one;
    expect(two).toEqual(one);
    expect(one.token).toMatch(/^[A-Za-z0-9]{64}$/);
    expect(lines).toContain("Bringing the machines to where they were");
    expect(cloudEnv(one)).toEqual({ HCLOUD_ENDPOINT: one.endpoint, HCLOUD_TOKEN: one.token });
    expect((await call("GET", "/servers")).body.servers).toEqual([]);
    const status = await cloudStatus({ directory });
    expect(status).toEqual({ state: "running", ...one });
    expect(((await stat(join(directory, "settings.json"))).mode & 0o777).toString(8)).toBe("600");
    expect(one.objectStorage.endpoint).toBe(`https://${one.publicRange.gateway}:9000`);
  });

  it("is found at once when it runs", async () => {
    await startCloud({ directory });
    const started = performance.now();
    expect(await startCloud({ directory })).toEqual(cloud);
    expect(performance.now() - started).toBeLessThan(500);
  });

  it("keeps its secrets out of arguments and log, and its memory under 250 MB", async () => {
    const args = await readFile(`/proc/${cloud.pid}/cmdline`, "utf8");
    const log = await readFile(join(directory, "daemon.log"), "utf8");
    for (const secret of [cloud.token, cloud.objectStorage.secretKey]) {
      expect(args).not.toContain(secret);
      expect(log).not.toContain(secret);
    }
    const resident = /VmRSS:\s+(\d+) kB/.exec(await readFile(`/proc/${cloud.pid}/status`, "utf8"))?.[1];
    expect(Number(resident) / 1024).toBeLessThan(250);
  });

  it("boots a machine that answers", async () => {
    const server = await createRunning("first");
    expect(await sshAnswers(server.public_net.ipv4.ip)).toBe(true);
  });

  it("goes on after kill -9: the machine never stopped, and is found again", async () => {
    const server = (await call("GET", "/servers?name=first")).body.servers[0];
    const ip = server.public_net.ipv4.ip;
    await killDaemon();
    expect(await sshAnswers(ip)).toBe(true);
    const leader = (await execa("pgrep", ["--full", `--`, `--directory=${directory}`], { reject: false }))
      .stdout;
    cloud = await startCloud({ directory });
    expect((await call("GET", `/servers/${server.id}`)).body.server).toMatchObject({
      status: "running",
      locked: false,
      public_net: { ipv4: { ip } },
    });
    expect(
      (await execa("pgrep", ["--full", `--`, `--directory=${directory}`], { reject: false })).stdout,
    ).toBe(leader);
    expect(await sshAnswers(ip)).toBe(true);
  });

  it.each([0, 60, 200, 500, 1000])(
    "finishes a machine when it is killed %i ms after the request",
    async (delay) => {
      const made = await create(`killed-${delay}`);
      await sleep(delay);
      await killDaemon();
      cloud = await startCloud({ directory });
      for (const action of [made.action, ...made.next_actions])
        expect(await finished(action)).toMatchObject({ error: null });
      const { server } = (await call("GET", `/servers/${made.server.id}`)).body;
      expect(server).toMatchObject({ status: "running", locked: false });
      expect(await sshAnswers(server.public_net.ipv4.ip)).toBe(true);
      const gone = await call("DELETE", `/servers/${server.id}`);
      await sleep(delay / 10);
      await killDaemon();
      cloud = await startCloud({ directory });
      expect(await finished(gone.body.action)).toMatchObject({ error: null });
      expect((await call("GET", `/servers/${server.id}`)).status).toBe(404);
    },
  );

  it("takes another port when a stranger has its own, and goes back to no other by itself", async () => {
    const { port } = new URL(cloud.endpoint);
    expect(await stopCloud({ directory })).toBe(true);
    expect(await cloudStatus({ directory })).toEqual({ state: "stopped" });
    const server = createServer().listen(Number(port), "127.0.0.1");
    await once(server, "listening");
    cloud = await startCloud({ directory });
    expect(new URL(cloud.endpoint).port).not.toBe(port);
    server.close();
    const { endpoint } = cloud;
    await stopCloud({ directory });
    cloud = await startCloud({ directory });
    expect(cloud.endpoint).toBe(endpoint);
  });

  it("says what stands in the way of a start, and starts when it is gone", async () => {
    await stopCloud({ directory });
    const store = join(directory, "store.sqlite");
    const kept = await readFile(store);
    await writeFile(store, "this is no database");
    await expect(startCloud({ directory })).rejects.toMatchObject({
      name: "Problem",
      happened: expect.stringContaining("The embedded cloud did not start:"),
      todo: [expect.stringContaining("daemon.log")],
    });
    await writeFile(store, kept);
    cloud = await startCloud({ directory });
    expect((await call("GET", "/servers?name=first")).body.servers).toHaveLength(1);
  });

  it("passes for Hetzner with real machines: the Python client's everyday calls", async () => {
    const run = await execa(
      await hcloudPython(),
      ["-W", "ignore", join(import.meta.dirname, "everyday.py")],
      {
        env: { ...cloudEnv(cloud), ...(await certificateFiles(directory)), PUBLIC_KEY: publicKey },
        reject: false,
      },
    );
    expect(run.stderr).toBe("");
    expect(run.stdout).toBe("ok");
  });

  it("finds out that a machine went off by itself", async () => {
    const server = (await call("GET", "/servers?name=first")).body.servers[0];
    await finished((await call("POST", `/servers/${server.id}/actions/shutdown`)).body.action);
    await expect
      .poll(async () => (await call("GET", `/servers/${server.id}`)).body.server.status, { timeout: 30_000 })
      .toBe("off");
    await finished((await call("POST", `/servers/${server.id}/actions/poweron`)).body.action);
    expect(await sshAnswers(server.public_net.ipv4.ip)).toBe(true);
  });

  it("survives a caller that is killed while it waits", async () => {
    await stopCloud({ directory });
    const script = `
      const { startCloud } = await import(${JSON.stringify(new URL("../../../cloud/lifecycle.ts", import.meta.url).href)});
      console.log("starting");
      await startCloud({ directory: ${JSON.stringify(directory)} });`;
    const caller = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(caller.stdout, "data");
    await sleep(150);
    caller.kill("SIGKILL");
    cloud = await startCloud({ directory });
    expect((await call("GET", "/servers?name=first")).body.servers[0].status).toBe("running");
  });

  it("leaves nothing when it is destroyed, also with a dead daemon, also twice", async () => {
    await killDaemon();
    await destroyCloud({ directory });
    await expect(stat(directory)).rejects.toThrow("ENOENT");
    expect(await leftovers()).toEqual([]);
    expect(await cloudStatus({ directory })).toEqual({ state: "absent" });
    await destroyCloud({ directory });
  });
});
