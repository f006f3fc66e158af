import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { hostPackages, missingHostPackages, programPath } from "../../../../cloud/hostPackages.ts";
import type { ServerSpec } from "../../../../cloud/hypervisor.ts";
import { isInit } from "../../../../cloud/machines/leader.ts";
import { Queue } from "../../../../cloud/machines/queue.ts";
import { run, succeeds } from "../../../../cloud/machines/run.ts";
import { seedFiles } from "../../../../cloud/machines/seed.ts";
import { superviseCommand } from "../../../../cloud/machines/supervise.ts";
import { aptConfiguration, proxyConfiguration } from "../../../../cloud/packages/config.ts";
import { mountsOf } from "../../../../cloud/volumes/unplug.ts";

const server: ServerSpec = {
  id: 5,
  name: "core-1",
  image: "debian-13",
  userData: "#cloud-config\nruncmd: []\n",
  sshKeys: ["ssh-ed25519 AAAA a@example.test"],
  rootPasswordHash: null,
  cores: 2,
  memoryBytes: 4 * 2 ** 30,
  diskBytes: 40 * 2 ** 30,
  running: true,
  ipv4: "198.18.3.2",
  ipv6: null,
  macAddress: "92:00:00:00:00:05",
  location: "fsn1",
  networks: [],
  volumes: [],
  firewall: null,
};

describe("seedFiles", () => {
  const contentOf = (spec: ServerSpec, name: string) =>
    seedFiles(spec, "198.18.3.1").find(({ path }) => path.endsWith(name))?.content ?? "";

  it("hands over the user data to the byte, and only to root", () => {
    const userData = "#cloud-config\n# ümläut\r\n\ttab: 'x'\n\n";
    const file = seedFiles({ ...server, userData }, "198.18.3.1").find(({ path }) =>
      path.endsWith("/user-data"),
    );
    expect(file).toEqual({ path: "var/lib/cloud/seed/nocloud/user-data", content: userData, mode: 0o600 });
  });

  it("says who the machine is", () => {
    expect(JSON.parse(contentOf(server, "meta-data"))).toEqual({
      "instance-id": "5",
      "local-hostname": "core-1",
      "public-keys": ["ssh-ed25519 AAAA a@example.test"],
      region: "fsn1",
    });
    expect(contentOf(server, "etc/hostname")).toBe("core-1\n");
  });

  it("allows a password only where there is one, to be changed at the first login", () => {
    expect(contentOf(server, "vendor-data")).toBe("#cloud-config\nssh_pwauth: false\n");
    const vendorData = contentOf({ ...server, rootPasswordHash: "$6$x$y" }, "vendor-data");
    expect(JSON.parse(vendorData.replace("#cloud-config\n", ""))).toEqual({
      ssh_pwauth: true,
      chpasswd: { expire: true, users: [{ name: "root", password: "$6$x$y", type: "hash" }] },
    });
  });

  it("points apt at the cloud's proxy", () => {
    expect(contentOf(server, "90cloud-mirror")).toBe('Acquire::http::Proxy "http://198.18.3.1:3143";\n');
    expect(aptConfiguration("198.18.3.1")).toBe(contentOf(server, "90cloud-mirror"));
  });
});

describe("superviseCommand", () => {
  it("keeps capabilities back and puts nothing secret into arguments", () => {
    const { command } = superviseCommand({ directory: "/srv/a:b", slot: 3 }, 5, ["/cg/phasewise/3/server-5"]);
    expect(command).toContain("--drop-capability=CAP_MKNOD,CAP_SYS_TTY_CONFIG,CAP_AUDIT_CONTROL");
    expect(command).toContain("--network-namespace-path=/run/netns/phasewise-3-server-5");
    expect(command).toContain("--bind-ro=/srv/a\\:b/servers/5/network:/run/systemd/network");
    expect(command.join("\n")).not.toContain("ssh-ed25519");
  });
});

describe("isInit", () => {
  it("knows the init of a machine from everything else", () => {
    expect(isInit("Name:\tsystemd\nNSpid:\t4711\t1\n")).toBe(true);
    expect(isInit("Name:\tsystemd-nspawn\nNSpid:\t4711\t1\n")).toBe(false);
    expect(isInit("Name:\tsystemd\nNSpid:\t1\n")).toBe(false);
    expect(isInit("Name:\tsystemd\nNSpid:\t4711\t80\t1\n")).toBe(false);
    expect(isInit("Name:\tsystemd\nNSpid:\t4711\t80\n")).toBe(false);
    expect(isInit("")).toBe(false);
  });
});

describe("mountsOf", () => {
  it("finds where a disk is mounted, the last mount first, with odd names", () => {
    const text = `70 60 7:2 / /data rw,relatime shared:5 - ext4 /dev/disk/by-id/x rw
71 60 7:3 / /other rw - ext4 /dev/loop3 rw
72 60 7:2 /sub /srv/with\\040space rw - ext4 /dev/disk/by-id/x rw
`;
    expect(mountsOf(text, "7:2")).toEqual([
      { target: "/srv/with space", type: "ext4" },
      { target: "/data", type: "ext4" },
    ]);
  });
});

describe("proxyConfiguration", () => {
  it("listens on the public network's address alone, and goes the host's way", () => {
    const settings = { address: "198.18.3.1", cacheFolder: "/c", logFolder: "/l", upstream: null };
    expect(proxyConfiguration(settings)).toContain("BindAddress: 198.18.3.1\nPort: 3143\n");
    expect(proxyConfiguration(settings)).not.toContain("Proxy:");
    expect(proxyConfiguration({ ...settings, upstream: "http://proxy:1" })).toContain(
      "Proxy: http://proxy:1\n",
    );
  });
});

describe("missingHostPackages", () => {
  it("names each package whose program is nowhere on the path", async () => {
    const folder = await mkdtemp(join(tmpdir(), "programs-"));
    const all = hostPackages.filter(({ optional }) => !optional).map(({ name }) => name);
    expect(await missingHostPackages(folder)).toEqual(all);
    await writeFile(join(folder, "ip"), "", { mode: 0o755 });
    await writeFile(join(folder, "nft"), "", { mode: 0o644 });
    expect(await missingHostPackages(`/nowhere:${folder}`)).toEqual(
      all.filter((name) => name !== "iproute2"),
    );
  });

  it("looks where root's programs are, even if the caller's path leaves that out", () => {
    expect(programPath("/usr/bin").split(":")).toEqual(
      expect.arrayContaining(["/usr/bin", "/usr/sbin", "/sbin", "/usr/local/sbin"]),
    );
    expect(programPath("").split(":")).not.toContain("");
  });
});

describe("run", () => {
  it("returns what the program says and hands it its input", async () => {
    expect(await run("cat", [], { input: "hello" })).toBe("hello");
  });

  it("names the command and its last words", async () => {
    await expect(run("sh", ["-c", "echo no >&2; exit 3"])).rejects.toThrow(
      '"sh -c echo no >&2; exit 3" failed with exit code 3: no',
    );
  });

  it("says which package has a program that is not installed", async () => {
    await expect(run("no-such-program", [])).rejects.toThrow(
      "no-such-program is not installed on this machine.",
    );
    expect(await succeeds("false", [])).toBe(false);
    await expect(succeeds("no-such-program", [])).rejects.toThrow("not installed");
  });

  it("shows programs nothing of its own environment", async () => {
    process.env.PHASEWISE_TEST_SECRET = "x";
    expect(await run("env", [])).not.toContain("PHASEWISE_TEST_SECRET");
    delete process.env.PHASEWISE_TEST_SECRET;
  });
});

describe("Queue", () => {
  it("runs what has the same key in turn, also after a failure, and the rest at once", async () => {
    const queue = new Queue();
    const order: string[] = [];
    let release: (value: unknown) => void = () => {};
    const gate = new Promise((resolve) => {
      release = resolve;
    });
    const first = queue.run("a", async () => {
      await gate;
      order.push("first");
      throw new Error("failed");
    });
    const second = queue.run("a", async () => void order.push("second"));
    await queue.run("b", async () => void order.push("other"));
    release(null);
    await expect(first).rejects.toThrow("failed");
    await second;
    expect(order).toEqual(["other", "first", "second"]);
  });
});
