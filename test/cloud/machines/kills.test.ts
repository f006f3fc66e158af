import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { World } from "../../../cloud/hypervisor.ts";
import { groupFolders } from "../../../cloud/machines/groups.ts";
import { serverGroup } from "../../../cloud/machines/names.ts";
import { attachment, disk, greeting, privateNetwork, TestCloud, until, volume } from "./testCloud.ts";

const name = "kills";
const cloud = new TestCloud(name);
const nothing: World = { servers: [], volumes: [], networks: [], loadBalancers: [] };

function world(): World {
  const server = cloud.server(1, { networks: [attachment(1)], volumes: [volume(1)] });
  return {
    servers: [server],
    volumes: [volume(1, { serverId: 1 })],
    networks: [privateNetwork],
    loadBalancers: [],
  };
}

/** Whether the process was struck; else it came to its end. */
async function struck(what: "create" | "destroy", strike: number): Promise<boolean> {
  const script = join(import.meta.dirname, "struck.ts");
  const args = [script, "--cloud", name, "--do", what, "--strike", String(strike)];
  const result = await execa(process.execPath, args, { reject: false });
  if (result.signal === "SIGKILL") return true;
  expect(result.stderr).toBe("");
  expect(result.exitCode).toBe(0);
  return false;
}

async function supervisors(): Promise<number> {
  const { stdout } = await execa("ps", ["-eo", "args"]);
  return stdout
    .split("\n")
    .filter((line) => line.startsWith(`systemd-nspawn`) && line.includes(`-${cloud.slot}-server-1 `)).length;
}

beforeAll(async () => {
  await cloud.open();
  await cloud.stop();
});
afterAll(() => cloud.destroy());

describe("a process that dies at any moment of making a server", () => {
  it("leaves nothing that its successor does not finish or remove", { timeout: 900_000 }, async () => {
    // A third of all moments, another one each time; a failure names its moment.
    let strike = 1 + (process.pid % 3);
    for (; await struck("create", strike); strike += 3) {
      const finish = strike % 2 === 0;
      await cloud.start();
      await cloud.hypervisor.reconcile(finish ? world() : nothing);
      expect(await cloud.hypervisor.isRunning(1), `struck at ${strike}`).toBe(finish);
      expect(await supervisors(), `struck at ${strike}`).toBe(finish ? 1 : 0);
      if (finish) await cloud.hypervisor.reconcile(nothing);
      const left = await cloud.leftovers(cloud.slot);
      expect(left.filter((line) => /server-1|servers\/1|volumes\/1|network-7|\bs1\b/.test(line))).toEqual([]);
      await cloud.stop();
    }
    // Fewer would mean that the strikes missed.
    expect(strike).toBeGreaterThan(40);
  });

  it("leaves a machine that its successor adopts as it runs", async () => {
    await struck("create", 0);
    await cloud.start();
    await until("it runs", () => cloud.hypervisor.isRunning(1));
    await cloud.booted(1);
    const boot = await cloud.inside(1, "cat /proc/sys/kernel/random/boot_id");
    await cloud.hypervisor.reconcile(world());
    expect(await cloud.inside(1, "cat /proc/sys/kernel/random/boot_id")).toBe(boot);
    expect(await greeting(cloud.address(1), 22)).toContain("SSH-2.0");
  });
});

describe("a machine whose processes were all killed from outside", () => {
  it("starts again", async () => {
    const folders = await groupFolders(serverGroup(cloud.slot, 1));
    for (let attempt = 0; attempt < 5; attempt++) {
      await execa(
        "sh",
        ["-c", `find ${folders.join(" ")} -name cgroup.procs -exec cat {} + | xargs -r kill -9`],
        {
          reject: false,
        },
      );
      await sleep(100);
    }
    expect(await cloud.hypervisor.isRunning(1)).toBe(false);
    await cloud.hypervisor.reconcile(world());
    await cloud.booted(1);
  });
});

describe("a host that was rebooted", () => {
  it("has everything back after the next start", async () => {
    await cloud.inside(
      1,
      `mkdir /data; mount ${disk(1)} /data; echo kept > /data/file; echo kept > /root/file; sync`,
    );
    await cloud.stop();
    // What a reboot takes: processes with their groups, mounts, namespaces, disks, /dev.
    await execa(
      "sh",
      [
        "-c",
        `slot=${cloud.place.slot} folder=${cloud.directory}
       for attempt in 1 2 3 4 5; do
         cat $(find /sys/fs/cgroup -path "*/phasewise/$slot/*" -name cgroup.procs) | xargs -r kill -9
         sleep 0.2
       done
       find /sys/fs/cgroup -depth -type d -path "*/phasewise/$slot*" -exec rmdir {} + 
       umount $folder/servers/1/root
       for name in $(ip netns list | cut -d' ' -f1 | grep -E "^phasewise-$slot(-|$)"); do ip netns delete $name; done
       losetup --list --noheadings --output NAME,BACK-FILE | grep "$folder" | cut -d' ' -f1 | xargs -r losetup -d
       rm -r /dev/phasewise/$slot
       ip link delete pw$slot; ip route delete blackhole 198.18.$slot.0/24`,
      ],
      { reject: false },
    );
    expect(await supervisors()).toBe(0);
    await cloud.start();
    await cloud.hypervisor.reconcile(world());
    await cloud.booted(1);
    await cloud.inside(1, `mount ${disk(1)} /data`);
    expect(await cloud.inside(1, "cat /data/file /root/file")).toBe("kept\nkept");
    expect(await greeting(cloud.address(1), 22)).toContain("SSH-2.0");
  });
});

describe("the end of a cloud", () => {
  it("leaves nothing, however often it dies on the way", { timeout: 600_000 }, async () => {
    const { slot } = cloud;
    await cloud.stop();
    let strikes = 0;
    for (let strike = 1; await struck("destroy", strike); strike += 3) strikes++;
    expect(strikes).toBeGreaterThan(5);
    expect(await cloud.leftovers(slot)).toEqual([]);
    expect(await struck("destroy", 0)).toBe(false);
  });
});
