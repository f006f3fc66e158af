import { connect as connectTcp, createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { disk, until } from "../machines/testCloud.ts";
import { blank, driveHost, file, HostCloud, manifest, mounted, role, service } from "./hostCloud.ts";

const cloud = new HostCloud("baddays");
const inside = (script: string) => cloud.inside(1, script);
const up = (wanted: Parameters<HostCloud["inputs"]>[1], changes: object = {}) =>
  driveHost().up(cloud.inputs(1, wanted, changes));

beforeAll(async () => {
  await cloud.open();
  await cloud.machine(1, { volumes: [blank(1, 1), blank(2, 1)] });
});
afterAll(() => cloud.destroy());

describe("a volume", () => {
  it("that holds another filesystem is left as it is", async () => {
    await cloud.booted(1);
    await inside(`mkfs.ext4 -q ${disk(2)}`);
    const before = await inside(`head -c 4M ${disk(2)} | sha256sum`);
    await expect(up(manifest([], { mounts: [mounted(2)] }))).rejects.toThrow(
      `machine-1: ${disk(2)} holds ext4, the manifest says xfs; nothing was formatted`,
    );
    expect(await inside(`head -c 4M ${disk(2)} | sha256sum`)).toBe(before);
  });

  it("that holds data nobody knows is left as it is", async () => {
    await inside(
      `wipefs -qa ${disk(2)}; head -c 1000 /dev/urandom | dd of=${disk(2)} bs=1k seek=100 conv=notrunc status=none`,
    );
    await expect(up(manifest([], { mounts: [mounted(2)] }))).rejects.toThrow(
      `machine-1: ${disk(2)} holds data, but no filesystem that blkid knows; nothing was formatted. ` +
        `If it may be lost: wipefs -a ${disk(2)} && blkdiscard -z ${disk(2)}`,
    );
  });

  it("that is not attached is waited for, and then named", async () => {
    const wanted = manifest([], { mounts: [mounted(77)] });
    const driven = driveHost();
    const failure = driven.up(cloud.inputs(1, wanted, { deadlineSeconds: 2 }));
    await expect(failure).rejects.toThrow("machine-1: not done after 2 s (deadlineSeconds)");
    expect(driven.lines).toContain(`waiting for ${disk(77)} 1 s`);
  });

  it("would hide what lies in its place", async () => {
    await inside("mkdir -p /data; echo precious > /data/x");
    await expect(up(manifest([], { mounts: [mounted(1)] }))).rejects.toThrow(
      "machine-1: /data is not mounted and not empty: the volume would hide what is there. Move it away first.",
    );
    await inside("rm /data/x");
  });

  it("grows with its device while it is mounted", async () => {
    await up(manifest([], { mounts: [mounted(1)] }));
    const size = async () => Number(await inside("df --output=size -B1M /data | tail -n 1"));
    expect(await size()).toBeLessThan(10_300);
    await cloud.hypervisor.resizeVolume({ ...blank(1, 1), sizeGb: 12 });
    await up(manifest([], { mounts: [mounted(1)] }));
    expect(await size()).toBeGreaterThan(12_000);
  });
});

describe("a failure", () => {
  it("of a unit that starts shows its role, its output and its journal, without secrets", async () => {
    const failing = role("worker", {
      files: [
        file("/etc/worker.conf", "{{secret:token}}\n", { mode: "0600" }),
        service("worker", "cat /etc/worker.conf; echo no luck; exit 3", { type: "oneshot" }),
      ],
      units: [{ name: "worker.service", state: "running", stateful: false }],
    });
    const failure = up(manifest([failing]), { secrets: { token: "a-very-secret-token" } });
    await expect(failure).rejects.toThrow(/^machine-1, worker: systemctl start worker.service failed\n/);
    await expect(failure).rejects.toThrow(/Journal of worker.service:\n[\s\S]*\[secret\]\n[\s\S]*no luck\n/);
    await expect(failure).rejects.not.toThrow("a-very-secret-token");
  });

  it("of a unit that runs at first is noticed before the probe's deadline", async () => {
    const failing = role("worker", {
      files: [service("worker", "sleep 0.5; echo gave up; exit 3")],
      units: [{ name: "worker.service", state: "running", stateful: false }],
      ready: { name: "the worker", command: "false", deadlineSeconds: 100, units: ["worker.service"] },
    });
    const begin = Date.now();
    await expect(up(manifest([failing]))).rejects.toThrow(
      /^machine-1, worker: the worker: worker.service has failed\n[\s\S]*gave up/,
    );
    expect(Date.now() - begin).toBeLessThan(20_000);
  });

  it("of readiness says for how long it was waited", async () => {
    const slow = role("worker", {
      ready: { name: "the worker", command: "echo not yet; false", deadlineSeconds: 2, units: [] },
    });
    const driven = driveHost();
    await expect(driven.up(cloud.inputs(1, manifest([slow])))).rejects.toThrow(
      "machine-1, worker: the worker: not ready after 2 s\n  not yet",
    );
    expect(driven.lines).toContain("worker: waiting for the worker 1 s (not yet)");
  });

  it("of a step shows its output; of a unit that nobody brings, its name", async () => {
    const step = { name: "try hard", probe: "false", act: "echo trying >&2; exit 5" };
    await expect(up(manifest([role("worker", { prepare: [step] })]))).rejects.toThrow(
      'machine-1, worker: step "try hard" failed (exit code 5)\n  trying',
    );
    const ghost = role("worker", { units: [{ name: "ghost.service", state: "running", stateful: false }] });
    await expect(up(manifest([ghost]))).rejects.toThrow(
      "machine-1, worker: there is no unit ghost.service on the machine: no package or file of the role brings it",
    );
  });
});

describe("an interruption", () => {
  const proxies: Server[] = [];
  afterEach(() => {
    for (const proxy of proxies.splice(0)) proxy.close();
  });

  const slow = (marker: string, seconds: number) =>
    role("slow", {
      finish: [
        {
          name: "first",
          probe: `test -e /run/${marker}-1`,
          act: `sleep ${seconds}; echo once >> /run/${marker}-1`,
        },
        { name: "second", probe: `test -e /run/${marker}-2`, act: `echo once >> /run/${marker}-2` },
      ],
    });

  it("of the connection does not stop the run, and it is attached to again", async () => {
    const sockets = new Set<Socket>();
    const proxy = createServer((socket) => {
      const target = connectTcp(22, cloud.address(1));
      for (const one of [socket, target]) one.on("error", () => one.destroy());
      sockets.add(socket);
      socket.pipe(target).pipe(socket);
    });
    proxies.push(proxy);
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    const inputs = cloud.inputs(1, manifest([slow("lost", 3)]));
    const port = (proxy.address() as { port: number }).port;
    const driven = driveHost();
    const running = driven.up({
      ...inputs,
      connection: { ...(inputs.connection as object), host: "127.0.0.1", port },
    });
    await until("the step runs", async () => driven.lines.includes("slow: first"));
    for (const socket of sockets) socket.destroy();
    await running;
    expect(driven.lines).toContain("attached to the run that is under way");
    expect(await inside("cat /run/lost-1 /run/lost-2")).toBe("once\nonce");
  });

  it("by a cancel ends after the step that runs, and another run goes on from there", async () => {
    const stop = new AbortController();
    const driven = driveHost({ signal: stop.signal });
    const running = driven.up(cloud.inputs(1, manifest([slow("stop", 2)])));
    await Promise.all([
      expect(running).rejects.toThrow(
        "machine-1: stopped on request at a safe place. What was done stays; run again to go on.",
      ),
      until("the step runs", async () => driven.lines.includes("slow: first")).then(() =>
        stop.abort(new Error("cancel")),
      ),
    ]);
    expect(await inside("cat /run/stop-1; ls /run/stop-2 2>/dev/null || true")).toBe("once");
    await up(manifest([slow("stop", 2)]));
    expect(await inside("cat /run/stop-1 /run/stop-2")).toBe("once\nonce");
  });

  it("by another manifest waits for the one that runs", async () => {
    const first = up(manifest([slow("both", 2)]));
    await until(
      "the first runs",
      async () =>
        (await inside("systemctl list-units --plain --no-legend 'phasewise-converge-*' | wc -l")) === "1",
    );
    const second = driveHost();
    await Promise.all([first, second.up(cloud.inputs(1, manifest([slow("both", 2), role("other")])))]);
    expect(second.lines.some((line) => line.startsWith("waiting for another run on this machine"))).toBe(
      true,
    );
    expect(await inside("cat /run/both-1")).toBe("once");
  });

  it("by a killed run is told, and leaves no secret", async () => {
    const driven = driveHost();
    const running = driven.up(
      cloud.inputs(1, manifest([slow("dead", 5)]), { secrets: { a: "secret-of-the-dead" } }),
    );
    await Promise.all([
      expect(running).rejects.toThrow("machine-1: the run on the machine was killed before its end"),
      until("the step runs", async () => driven.lines.includes("slow: first")).then(() =>
        inside("systemctl kill -s KILL 'phasewise-converge-*'"),
      ),
    ]);
    expect(await inside("grep -rl secret-of-the-dead /run/phasewise /var/lib/phasewise || true")).toBe("");
  });
});

describe("a run killed at any moment", () => {
  /** Mount, files, units and duties: what a repeat has to find half done. */
  function wanted(version: number) {
    const content = `${version}\n`;
    return manifest(
      [
        role("one", {
          directories: [{ path: "/data/one", owner: "daemon", group: "daemon", mode: "0700" }],
          files: [
            service("one", "date +%s%N > /run/one-started; exec sleep infinity", {
              reload: "cp /etc/one.conf /run/one-reloaded",
            }),
            file("/etc/one.conf", content, { onChange: [{ unit: "one.service", action: "reload" }] }),
            file("/etc/one.pending", content, { onChange: [{ unit: "one.service", action: "pending" }] }),
          ],
          prepare: [
            { name: "prepare", probe: "test -e /data/one/prepared", act: "touch /data/one/prepared" },
          ],
          units: [{ name: "one.service", state: "running", stateful: true }],
        }),
        role("two", {
          files: [
            service("two", "cp /etc/two.conf /run/two-started; exec sleep infinity"),
            file("/etc/two.conf", content, { onChange: [{ unit: "two.service", action: "restart" }] }),
          ],
          units: [{ name: "two.service", state: "running", stateful: false }],
          finish: [
            {
              name: "finish",
              probe: `grep -qx ${version} /run/finished`,
              act: `echo ${version} > /run/finished`,
            },
          ],
        }),
      ],
      { mounts: [mounted(1)] },
    );
  }

  it("ends the same when it is run again", async () => {
    await inside(
      "umount /data; wipefs -qa /dev/disk/by-id/scsi-0HC_Volume_1; rm -rf /etc/systemd/system/data.mount /data; systemctl daemon-reload",
    );
    await inside(`blkdiscard -z ${disk(1)} || dd if=/dev/zero of=${disk(1)} bs=1M count=16 status=none`);
    await inside("rm -f /var/lib/phasewise/record.json");
    let killed = 0;
    for (let round = 1; round <= 16; round++) {
      const inputs = cloud.inputs(1, wanted(round));
      const doomed = driveHost()
        .up(inputs)
        .then(
          () => false,
          () => true,
        );
      await until(
        "it runs",
        async () => (await inside("pgrep -f -- '--run /run/phasewise/runs/[0-9a-f]' | wc -l")) !== "0",
      ).catch(() => undefined);
      await sleep(round * 12);
      await cloud.attempt(1, "systemctl kill -s KILL 'phasewise-converge-*'");
      if (await doomed) killed++;
      const driven = driveHost();
      await driven.up(inputs);
      const state = await inside(
        "systemctl is-active one two; cat /run/one-reloaded 2>/dev/null || echo 1; cat /run/two-started /run/finished; ls /data/one; findmnt -no FSTYPE /data",
      );
      const reloaded = state.split("\n")[2];
      expect(state.replace(/^(active\nactive\n).*\n/, "$1")).toBe(
        `active\nactive\n${round}\n${round}\nprepared\nxfs`,
      );
      expect(reloaded === String(round) || round === 1).toBe(true);
      expect(driven.state?.outputs.pending).toHaveLength(round === 1 ? 0 : 1);
      expect(await inside("cat /var/lib/phasewise/owed.json 2>/dev/null || echo '[]'")).toBe("[]");
    }
    // Else the moments were all too late, and nothing was tried.
    expect(killed).toBeGreaterThan(6);
  });
});
