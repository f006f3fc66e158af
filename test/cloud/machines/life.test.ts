import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ed25519FromSeed } from "../../../clients/ssh/keys.ts";
import { connect } from "../../../clients/ssh.ts";
import { serverPaths } from "../../../cloud/machines/names.ts";
import { machineStats } from "../../../cloud/machines/stats.ts";
import { greeting, TestCloud, until } from "./testCloud.ts";

const cloud = new TestCloud("life");
const key = ed25519FromSeed(Buffer.alloc(32, 7), "test");
const hostKey = ed25519FromSeed(Buffer.alloc(32, 8), "host");
const userData = `#cloud-config
ssh_keys:
  ed25519_private: |
${hostKey.privateKey
  .trimEnd()
  .split("\n")
  .map((line) => `    ${line}`)
  .join("\n")}
  ed25519_public: ${hostKey.publicKey}
runcmd:
  - [sh, -c, "echo done > /root/from-user-data"]
`;

beforeAll(() => cloud.open());
afterAll(() => cloud.destroy());

const ssh = () => greeting(cloud.address(1), 22);

describe("a machine", () => {
  it("is created and reachable by SSH in a few seconds, with its keys and its user data", async () => {
    const server = cloud.server(1, { userData, sshKeys: [key.publicKey] });
    const begin = Date.now();
    await cloud.hypervisor.createServer(server);
    expect(await cloud.hypervisor.isRunning(1)).toBe(false);
    await cloud.hypervisor.powerOn(server);
    expect(await cloud.hypervisor.isRunning(1)).toBe(true);
    await until("SSH answers", async () => (await ssh())?.startsWith("SSH-2.0") === true);
    // 2 s on an idle machine; this one may be busy with other tests.
    expect(Date.now() - begin).toBeLessThan(10_000);
    const target = { host: cloud.address(1), port: 22, user: "root", privateKey: key.privateKey };
    const session = await connect({ ...target, hostKeys: [hostKey.publicKey] });
    try {
      await cloud.booted(1);
      const result = await session.exec(
        "hostname; cat /root/from-user-data; cat /var/lib/cloud/seed/nocloud/user-data",
      );
      expect(result).toMatchObject({ code: 0, stdout: `machine-1\ndone\n${userData}` });
    } finally {
      session.close();
    }
  });

  it("runs without a failed unit, and is a Debian 13 with what Hetzner's image has", async () => {
    expect(await cloud.inside(1, "systemctl --failed --plain --no-legend")).toBe("");
    expect(await cloud.inside(1, ". /etc/os-release; echo $VERSION_ID")).toBe("13");
    for (const program of ["mkfs.ext4", "nft", "ping", "python3", "curl", "sudo"]) {
      expect(await cloud.inside(1, `command -v ${program}`)).toContain(program);
    }
  });

  it("installs packages through the cloud's proxy, and reaches nothing else of the world or the host", async () => {
    await cloud.inside(1, "apt-get update -q");
    await cloud.inside(1, "apt-get install -q -y --no-install-recommends hello");
    expect(await cloud.inside(1, "hello")).toBe("Hello, world!");
    const { gateway } = cloud.hypervisor.publicRange;
    const tries = [`${gateway} 22`, `${gateway} 9001`, "192.0.2.2 22", "1.1.1.1 443", "172.31.255.1 22"];
    for (const [host, port] of tries.map((line) => line.split(" "))) {
      const script = `timeout 3 bash -c 'exec 3<>/dev/tcp/${host}/${port}' 2>/dev/null && echo open || echo "closed $?"`;
      // 124 would be the timeout: refusals come at once.
      expect(await cloud.inside(1, script)).toBe("closed 1");
    }
  });

  it("keeps its devices and its kernel to itself", async () => {
    await expect(cloud.within(1, "mknod /root/disk b 7 0")).rejects.toThrow("Operation not permitted");
    expect(await cloud.inside(1, "ls /dev/disk/by-id")).toBe("");
    await expect(cloud.within(1, "echo 1 > /proc/sys/vm/drop_caches")).rejects.toThrow(
      "Read-only file system",
    );
    expect(await cloud.within(1, "sysctl -n -w net.ipv4.ip_forward=1")).toBe("1");
    await cloud.within(1, "nft add table inet own; nft delete table inet own");
  });

  it("is limited in memory and says what it uses", async () => {
    const stats = await machineStats(cloud.directory, 1);
    expect(stats.anonymousBytes).toBeGreaterThan(2 * 2 ** 20);
    expect(stats.anonymousBytes + stats.sharedBytes).toBeLessThan(300 * 2 ** 20);
    const eater = "head -c 2000000000 /dev/zero | tail -c 1500000000 >/dev/null && echo all || echo killed";
    expect(await cloud.within(1, eater)).toBe("killed");
    await cloud.hypervisor.setLimits(cloud.server(1, { userData, memoryBytes: 4 * 2 ** 30, cores: 4 }));
    expect(await cloud.within(1, eater)).toBe("all");
    expect(await cloud.hypervisor.isRunning(1)).toBe(true);
  });

  it("reboots by itself, without anybody's help", async () => {
    const before = await cloud.inside(
      1,
      "cat /proc/sys/kernel/random/boot_id; echo x > /tmp/gone; echo x > /root/kept",
    );
    await cloud.stop();
    await cloud.start();
    await cloud.hypervisor.reconcile({
      servers: [cloud.server(1)],
      volumes: [],
      networks: [],
      loadBalancers: [],
    });
    await cloud.hypervisor.reboot(cloud.server(1));
    await until("it has another boot id", async () => {
      expect(await cloud.hypervisor.isRunning(1)).toBe(true);
      const now = await cloud.attempt(1, "cat /proc/sys/kernel/random/boot_id");
      return now !== null && now !== before;
    });
    await cloud.booted(1);
    expect(await cloud.inside(1, "ls /tmp/gone /root/kept 2>/dev/null || true")).toBe("/root/kept");
    await until("SSH answers", async () => (await ssh()) !== null);
  });

  it("goes off when asked, stays off, and starts again", async () => {
    await cloud.hypervisor.shutdown(1);
    await until("it is off", async () => !(await cloud.hypervisor.isRunning(1)));
    expect(await ssh()).toBeNull();
    await cloud.hypervisor.powerOn(cloud.server(1));
    await cloud.booted(1);
    await cloud.hypervisor.powerOff(1);
    expect(await cloud.hypervisor.isRunning(1)).toBe(false);
    await cloud.hypervisor.powerOff(1);
    await cloud.hypervisor.powerOn(cloud.server(1));
    await cloud.hypervisor.powerOn(cloud.server(1));
    await cloud.booted(1);
    expect(await cloud.inside(1, "cat /root/kept")).toBe("x");
  });

  it("changes its public address", async () => {
    const changed = cloud.server(1, { ipv4: cloud.address(30), ipv6: null });
    await cloud.hypervisor.setPublicAddresses(changed);
    await until("SSH answers there", async () => (await greeting(cloud.address(30), 22)) !== null);
    expect(await ssh()).toBeNull();
    await cloud.hypervisor.setPublicAddresses(cloud.server(1));
    await until("SSH answers here", async () => (await ssh()) !== null);
    await until("IPv6 answers", async () => (await greeting(cloud.address6(1), 22)) !== null);
  });

  it("is as new after a rebuild, and gone after its deletion", async () => {
    await cloud.hypervisor.rebuild(cloud.server(1));
    await cloud.booted(1);
    expect(await cloud.attempt(1, "cat /root/kept")).toBeNull();
    await cloud.hypervisor.deleteServer(1);
    expect(await cloud.hypervisor.isRunning(1)).toBe(false);
    expect(await cloud.leftovers(cloud.slot)).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/server-1\b|servers\/1\b/)]),
    );
    await cloud.hypervisor.deleteServer(1);
  });

  it("has room on the host for many, and says how its init ended where it does not start", async () => {
    const limit = await readFile("/proc/sys/fs/inotify/max_user_instances", "utf8");
    expect(Number(limit)).toBeGreaterThanOrEqual(8192);
    const server = cloud.server(3);
    await cloud.hypervisor.createServer(server);
    const { upper } = serverPaths(cloud.directory, 3);
    await mkdir(join(upper, "usr/lib/systemd"), { recursive: true });
    await writeFile(join(upper, "usr/lib/systemd/systemd"), "no program", { mode: 0o755 });
    await expect(cloud.hypervisor.powerOn(server)).rejects.toThrow(
      /^Server 3 did not start: .*Exec format error\nsystemd-nspawn ended with code 1$/,
    );
    await cloud.hypervisor.deleteServer(3);
  });

  it("is not made from an image that there is not", async () => {
    await expect(cloud.hypervisor.createServer(cloud.server(2, { image: "ubuntu-24.04" }))).rejects.toThrow(
      "There is no image ubuntu-24.04; there is debian-13.",
    );
  });
});

describe("the folder", () => {
  it("is in the hands of one process", async () => {
    const other = new TestCloud("life");
    await expect(other.start()).rejects.toThrow(
      `are in the hands of process ${process.pid} (run the machines`,
    );
  });
});
