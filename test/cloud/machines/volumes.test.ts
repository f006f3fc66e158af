import { stat } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { volumeFile } from "../../../cloud/machines/names.ts";
import { succeeds } from "../../../cloud/machines/run.ts";
import { disk, isThere, TestCloud, until, volume } from "./testCloud.ts";

const cloud = new TestCloud("volumes");
const first = () => cloud.server(1, { volumes: [volume(1)] });

beforeAll(async () => {
  await cloud.open();
  await cloud.hypervisor.createVolume(volume(1));
  await cloud.boot(first());
  await cloud.boot(cloud.server(2));
});
afterAll(() => cloud.destroy());

describe("a volume", () => {
  it("takes no room until it is written to, and is formatted as asked", async () => {
    const stats = await stat(volumeFile(cloud.directory, 1));
    expect(stats.size).toBe(10 * 2 ** 30);
    expect(stats.blocks * 512).toBeLessThan(100 * 2 ** 20);
    expect(await cloud.inside(1, `blkid -o value -s TYPE ${disk(1)}`)).toBe("ext4");
    expect(await cloud.inside(1, `blockdev --getsize64 ${disk(1)}`)).toBe(String(10 * 2 ** 30));
  });

  it("keeps a file, and is mounted from fstab and by a mount unit, over a reset", async () => {
    await cloud.hypervisor.createVolume(volume(2, { format: null }));
    await cloud.hypervisor.attachVolume(volume(2), 1);
    await cloud.inside(
      1,
      `mkfs.ext4 -q ${disk(2)}
       mkdir /data /second
       echo '${disk(1)} /data ext4 discard,nofail,defaults 0 0' >> /etc/fstab
       printf '[Unit]\\nBefore=local-fs.target\\n[Mount]\\nWhat=${disk(2)}\\nWhere=/second\\nType=ext4\\n[Install]\\nWantedBy=local-fs.target\\n' > /etc/systemd/system/second.mount
       systemctl daemon-reload
       systemctl enable --now second.mount
       mount /data
       echo kept > /data/file
       echo kept > /second/file
       sync`,
    );
    await cloud.hypervisor.powerOff(1);
    await cloud.hypervisor.powerOn({ ...first(), volumes: [volume(1), volume(2)] });
    await cloud.booted(1);
    expect(await cloud.inside(1, "cat /data/file /second/file")).toBe("kept\nkept");
    await cloud.inside(1, "systemctl disable --now second.mount");
    await cloud.hypervisor.detachVolume(2);
    await cloud.hypervisor.deleteVolume(2);
    expect(await cloud.inside(1, "ls /dev/disk/by-id")).toBe("scsi-0HC_Volume_1");
  });

  it("grows while it is mounted", async () => {
    await cloud.hypervisor.resizeVolume(volume(1, { sizeGb: 15 }));
    expect(await cloud.inside(1, `blockdev --getsize64 ${disk(1)}`)).toBe(String(15 * 2 ** 30));
    // A host that keeps CAP_SYS_RESOURCE back lets no mounted ext4 grow.
    const mayGrow = await cloud.attempt(1, `resize2fs ${disk(1)}`);
    if (mayGrow === null) {
      await cloud.inside(1, `umount /data; fsck.ext4 -f -p ${disk(1)}; resize2fs ${disk(1)}; mount /data`);
    }
    const size = await cloud.inside(1, "df --output=size --block-size=1G /data | tail -1");
    expect(Number(size)).toBeGreaterThanOrEqual(14);
    expect(await cloud.inside(1, "cat /data/file")).toBe("kept");
  });

  it("is pulled out from under a program that writes to it, and is whole in another machine", async () => {
    await cloud.inside(
      1,
      "systemd-run --unit=writer sh -c 'exec 3>>/data/log; while echo x >&3; do sleep 0.01; done'",
    );
    await until("it writes", async () => Number(await cloud.attempt(1, "wc -l < /data/log")) > 0);
    await cloud.hypervisor.detachVolume(1);
    expect(await cloud.attempt(1, "ls /dev/disk/by-id/scsi*")).toBeNull();
    await cloud.hypervisor.attachVolume(volume(1, { sizeGb: 15 }), 2);
    await cloud.inside(2, `mkdir -p /data; mount ${disk(1)} /data; echo more > /data/more; sync`);
    expect(await cloud.inside(2, "cat /data/file")).toBe("kept");
    expect(Number(await cloud.inside(2, "wc -l < /data/log"))).toBeGreaterThan(0);
    // The program met an error, as it would with a real disk.
    await expect
      .poll(() => cloud.attempt(1, "systemctl is-active writer || true"), { timeout: 5000 })
      .not.toBe("active");
    await cloud.hypervisor.powerOff(1);
    await cloud.inside(2, "umount /data; fsck.ext4 -f -n /dev/disk/by-id/scsi*");
  });

  it.each(["ext4", "xfs"])("with %s can be taken from a busy machine and given back to it", async (type) => {
    const id = type === "ext4" ? 6 : 7;
    await cloud.hypervisor.createVolume(volume(id, { format: null }));
    await cloud.hypervisor.attachVolume(volume(id), 2);
    await cloud.inside(
      2,
      `mkfs.${type} -q ${disk(id)}; mkdir -p /busy; mount ${disk(id)} /busy; echo kept > /busy/file`,
    );
    await cloud.inside(
      2,
      `systemd-run --unit=busy-${id} sh -c 'exec 3>>/busy/log; while echo x >&3; do sleep 0.01; done'`,
    );
    await until("it writes", async () => Number(await cloud.attempt(2, "wc -l < /busy/log")) > 0);
    await cloud.hypervisor.detachVolume(id);
    expect(await cloud.inside(2, "ls -A /busy; findmnt /busy || true")).toBe("");
    await cloud.hypervisor.attachVolume(volume(id), 2);
    await cloud.inside(2, `mount ${disk(id)} /busy`);
    expect(await cloud.inside(2, "cat /busy/file")).toBe("kept");
    await cloud.inside(2, "umount /busy");
    await cloud.hypervisor.deleteVolume(id);
  });

  it("outlives its server", async () => {
    await cloud.hypervisor.deleteServer(2);
    await cloud.hypervisor.powerOn(first());
    await cloud.booted(1);
    expect(await cloud.inside(1, "cat /data/file /data/more")).toBe("kept\nmore");
  });

  it("can be made and deleted again and again", async () => {
    for (let round = 0; round < 2; round++) await cloud.hypervisor.createVolume(volume(3, { format: null }));
    await cloud.hypervisor.attachVolume(volume(3), 1);
    expect(await cloud.inside(1, "ls /dev/disk/by-id")).toContain("scsi-0HC_Volume_3");
    for (let round = 0; round < 2; round++) await cloud.hypervisor.detachVolume(3);
    for (let round = 0; round < 2; round++) await cloud.hypervisor.deleteVolume(3);
    expect(await isThere(volumeFile(cloud.directory, 3))).toBe(false);
  });

  it("is formatted with XFS where the host can, or says what the host lacks", async () => {
    const xfs = cloud.hypervisor.createVolume(volume(4, { format: "xfs" }));
    if (await succeeds("sh", ["-c", "command -v mkfs.xfs"])) {
      await xfs;
      await cloud.hypervisor.attachVolume(volume(4), 1);
      expect(await cloud.inside(1, `blkid -o value -s TYPE ${disk(4)}`)).toBe("xfs");
      await cloud.hypervisor.detachVolume(4);
    } else {
      await expect(xfs).rejects.toThrow(
        'mkfs.xfs is not installed on this machine: install it with "apt-get install xfsprogs".',
      );
      expect(await isThere(`${volumeFile(cloud.directory, 4)}.new`)).toBe(false);
    }
  });

  it("is not attached where it does not exist", async () => {
    await expect(cloud.hypervisor.attachVolume(volume(99), 1)).rejects.toThrow("Volume 99 has no disk");
  });
});
