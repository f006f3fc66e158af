import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { HypervisorOptions } from "../../../cloud/hypervisor.ts";
import { type Parts, type Service, startService } from "../../../cloud/service.ts";
import { newToken, type Settings } from "../../../cloud/state.ts";
import { FakeHypervisor } from "./api/fakeHypervisor.ts";

let directory: string;
let hypervisor: FakeHypervisor;
let ended: string[];
let seen: HypervisorOptions | undefined;
let progress: string[];
let owned: number;
const running: Service[] = [];
const settings: Settings = { token: newToken(), imagePackages: ["postgresql"], apiPort: 0 };

const storage = {
  endpoint: "https://198.18.0.1:9000",
  region: "fsn1",
  accessKey: "a",
  secretKey: "s",
  caCertificate: "c",
};

function parts(): Parts {
  return {
    createHypervisor: async (options) => {
      seen = options;
      options.onProgress?.("Building the machine image");
      hypervisor.close = async () => void ended.push("hypervisor");
      return hypervisor;
    },
    startObjectStorage: async ({ addresses }) => {
      expect(addresses).toEqual(["198.18.0.1"]);
      return { ...storage, close: async () => void ended.push("objects") };
    },
  };
}

async function start(options: Partial<Settings> = {}, using = parts()): Promise<Service> {
  const service = await startService({
    directory,
    settings: { ...settings, ...options },
    parts: using,
    log: () => {},
    onOwned: async () => void owned++,
    progress: (line) => progress.push(line),
  });
  running.push(service);
  return service;
}

async function call(service: Service, path: string, init: RequestInit = {}) {
  const headers = {
    authorization: `Bearer ${settings.token}`,
    "content-type": "application/json",
    connection: "close",
  };
  const response = await fetch(`${service.ready.endpoint}${path}`, { headers, ...init });
  return { status: response.status, body: JSON.parse((await response.text()) || "null") };
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "phasewise-service-"));
  hypervisor = new FakeHypervisor();
  ended = [];
  progress = [];
  owned = 0;
});
afterEach(async () => {
  for (const service of running.splice(0)) await service.close();
  await rm(directory, { recursive: true });
});

describe("startService", () => {
  it("puts the parts together, on loopback only, and says how to reach them", async () => {
    const service = await start();
    expect(service.ready).toEqual({
      endpoint: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/v1$/),
      objectStorage: storage,
      publicRange: hypervisor.publicRange,
    });
    expect(seen).toMatchObject({ directory: join(directory, "machines"), imagePackages: ["postgresql"] });
    expect(progress[0]).toBe("Building the machine image");
    expect((await call(service, "/servers")).body.servers).toEqual([]);
    await service.close();
    expect(ended).toEqual(["objects", "hypervisor"]);
    running.length = 0;
  });

  it("finds everything again after a restart, and brings the machines there", async () => {
    const first = await start();
    const body = JSON.stringify({
      name: "web-1",
      server_type: "cpx22",
      image: "debian-13",
      location: "fsn1",
    });
    const made = await call(first, "/servers", { method: "POST", body });
    await expect
      .poll(async () => (await call(first, `/servers/${made.body.server.id}`)).body.server.status)
      .toBe("running");
    await first.close();
    running.length = 0;
    hypervisor.machines.clear();
    const second = await start({ apiPort: first.apiPort });
    expect(second.apiPort).toBe(first.apiPort);
    expect((await call(second, `/servers/${made.body.server.id}`)).body.server).toMatchObject({
      name: "web-1",
      status: "running",
    });
    expect(hypervisor.machines.get(made.body.server.id)?.running).toBe(true);
  });

  it("takes another port when its own is in use", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => other.once("listening", resolve));
    const { port } = other.address() as { port: number };
    const service = await start({ apiPort: port });
    expect(service.apiPort).not.toBe(port);
    expect((await call(service, "/locations")).status).toBe(200);
    other.close();
  });

  it("refuses a second one of the same directory, and leaves the first alone", async () => {
    const first = await start();
    await expect(start()).rejects.toThrow("another process has");
    expect(owned).toBe(1);
    expect((await call(first, "/servers")).status).toBe(200);
  });

  it("lets go of everything when a part does not start", async () => {
    const broken = { ...parts(), startObjectStorage: () => Promise.reject(new Error("no certificate")) };
    await expect(start({}, broken)).rejects.toThrow("no certificate");
    expect(ended).toEqual(["hypervisor"]);
    await start();
  });
});
