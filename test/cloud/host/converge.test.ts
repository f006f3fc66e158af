import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { until } from "../machines/testCloud.ts";
import {
  blank,
  driveHost,
  file,
  firstBootKey,
  HostCloud,
  manifest,
  mounted,
  role,
  service,
} from "./hostCloud.ts";

const cloud = new HostCloud("converge");
const PASSWORD = "correct-horse-battery";

/** A machine with something of everything. */
function everything() {
  return manifest(
    [
      role("base", {
        directories: [{ path: "/etc/base", owner: "root", group: "root", mode: "0750" }],
        files: [
          file("/etc/base/secret.conf", "user = app\npassword = {{secret:password}}\n", { mode: "0600" }),
        ],
      }),
      role("keeper", {
        directories: [{ path: "/data/keeper", owner: "daemon", group: "daemon", mode: "0700" }],
        files: [
          service("keeper", "exec sleep infinity"),
          file("/etc/keeper.conf", "1\n", { onChange: [{ unit: "keeper.service", action: "pending" }] }),
          file("/etc/keeper.seed", "seed\n", { seed: true }),
        ],
        prepare: [
          {
            name: "prepare the keeper",
            probe: "test -e /data/keeper/ready",
            act: "touch /data/keeper/ready",
          },
        ],
        units: [{ name: "keeper.service", state: "running", stateful: true }],
      }),
      role("helper", {
        files: [
          service("helper", "exec sleep infinity"),
          file("/etc/helper.conf", "1\n", { onChange: [{ unit: "helper.service", action: "restart" }] }),
          file("/etc/helper.map", "1\n", { onChange: [{ unit: "helper.service", action: "reload" }] }),
        ],
        units: [{ name: "helper.service", state: "running", stateful: false }],
        finish: [{ name: "finish", probe: "test -e /run/finished", act: "touch /run/finished" }],
        ready: {
          name: "the helper",
          command: "systemctl is-active helper",
          deadlineSeconds: 20,
          units: ["helper.service"],
        },
      }),
    ],
    { mounts: [mounted(1)] },
  );
}

const driven = driveHost();
const inputs = (changed = everything()) => cloud.inputs(1, changed, { secrets: { password: PASSWORD } });
const inside = (script: string) => cloud.inside(1, script);
const mainProcess = async (unit: string) => inside(`systemctl show -P MainPID ${unit}`);

beforeAll(async () => {
  await cloud.open();
  await cloud.machine(1, { volumes: [blank(1, 1)] });
});
afterAll(() => cloud.destroy());

describe("a first converge", () => {
  it("brings everything to what the manifest says", async () => {
    await driven.up(inputs());
    expect(driven.state?.outputs).toMatchObject({
      pending: [],
      facts: { debianVersion: expect.stringMatching(/^13/) },
    });
    expect(await inside("findmnt -no FSTYPE,OPTIONS /data")).toMatch(/^xfs .*noatime/);
    expect(await inside("stat -c '%U:%G %a' /data/keeper /etc/base/secret.conf")).toBe(
      "daemon:daemon 700\nroot:root 600",
    );
    expect(await inside("cat /etc/base/secret.conf")).toBe(`user = app\npassword = ${PASSWORD}`);
    expect(await inside("systemctl is-active keeper helper; systemctl is-enabled keeper helper")).toBe(
      "active\nactive\nenabled\nenabled",
    );
    expect(await inside("systemctl show -P NeedDaemonReload keeper helper")).toBe("no\n\nno");
    expect(await inside("ls /data/keeper/ready /run/finished")).toBe("/data/keeper/ready\n/run/finished");
    expect(await inside("cat /etc/systemd/system/keeper.service.d/10-phasewise-mounts.conf")).toContain(
      "=/data",
    );
  });

  it("puts another host key in the place of the one from first boot", async () => {
    expect(driven.state?.outputs.hostKey).not.toBe(firstBootKey.publicKey);
    expect(await inside("ls /etc/ssh/ssh_host_* 2>/dev/null | wc -l")).toBe("0");
    const shown = await inside("ssh-keyscan -t ed25519 127.0.0.1 2>/dev/null | grep -v '^#'");
    expect(shown.split(" ").slice(1).join(" ")).toBe(driven.state?.outputs.hostKey);
  });

  it("leaves no secret behind but in its file", async () => {
    expect(await inside("ls /run/phasewise/runs/*")).toBe("progress.jsonl");
    expect(
      await inside(`grep -rl ${PASSWORD} /var/lib/phasewise /run/phasewise /run/log /var/log || true`),
    ).toBe("");
    expect(await inside(`journalctl --no-pager | grep -c ${PASSWORD} || true`)).toBe("0");
    expect(driven.lines.join("\n") + driven.messages.join("\n")).not.toContain(PASSWORD);
  });
});

describe("a converge of what is so already", () => {
  it("does nothing, in less than a second", async () => {
    const before = [
      await mainProcess("keeper"),
      await mainProcess("helper"),
      await inside("stat -c %i /etc/base/secret.conf"),
    ];
    await driven.up({ ...inputs(), deadlineSeconds: 901 });
    const result = JSON.parse((await inside("tail -n 1 /run/phasewise/runs/*/progress.jsonl")) as string);
    expect(result).toMatchObject({ ok: true, changed: [] });
    expect(result.seconds).toBeLessThan(1);
    const after = [
      await mainProcess("keeper"),
      await mainProcess("helper"),
      await inside("stat -c %i /etc/base/secret.conf"),
    ];
    expect(after).toEqual(before);
  });
});

describe("a change", () => {
  it("restarts, reloads or leaves a pending restart, as its file says", async () => {
    const changed = everything();
    changed.roles[1]!.files[1]!.content = "2\n";
    changed.roles[2]!.files[2]!.content = "2\n";
    const [keeper, helper] = [await mainProcess("keeper"), await mainProcess("helper")];
    await driven.up(inputs(changed));
    expect(await mainProcess("helper")).toBe(helper);
    expect(driven.lines).toContain("helper: helper.service: reload");
    expect(await mainProcess("keeper")).toBe(keeper);
    const pending = [{ unit: "keeper.service", reason: "changed since it started: /etc/keeper.conf" }];
    expect(driven.state?.outputs.pending).toEqual(pending);
    changed.roles[2]!.files[1]!.content = "2\n";
    await driven.up(inputs(changed));
    expect(await mainProcess("helper")).not.toBe(helper);
    expect(driven.state?.outputs.pending).toEqual(pending);
  });

  it("is no longer pending when the unit has been restarted", async () => {
    await inside("systemctl restart keeper");
    await driven.refresh();
    expect(driven.state?.outputs.pending).toEqual([]);
  });

  it("is no longer pending when the file is as it was", async () => {
    const changed = everything();
    changed.roles[1]!.files[1]!.content = "3\n";
    await driven.up(inputs(changed));
    expect(driven.state?.outputs.pending).toHaveLength(1);
    changed.roles[1]!.files[1]!.content = "2\n";
    await driven.up(inputs(changed));
    expect(driven.state?.outputs.pending).toEqual([]);
  });

  it("of a unit file is known to systemd before the unit is touched", async () => {
    const changed = everything();
    changed.roles[2]!.files[0] = service("helper", "exec sleep 1000000");
    await driven.up(inputs(changed));
    expect(await inside("systemctl show -P NeedDaemonReload helper")).toBe("no");
  });
});

describe("drift", () => {
  it("is found, shown without secrets, and put right", async () => {
    await driven.up(inputs());
    await inside(
      "sed -i s/app/other/ /etc/base/secret.conf; chmod 644 /etc/base/secret.conf; systemctl disable -q --now helper; rm /run/finished; hostname lost",
    );
    await driven.refresh();
    const { diff } = await driven.preview(inputs());
    expect(diff?.detailed).toEqual({
      "manifest.hostname": "update",
      'manifest.roles.base.files["/etc/base/secret.conf"].content': "update",
      'manifest.roles.base.files["/etc/base/secret.conf"].mode': "update",
      "manifest.roles.helper.finish[0].found": "delete",
      "manifest.roles.helper.ready.found": "delete",
      "manifest.roles.helper.units[0].found": "delete",
    });
    const kept = JSON.stringify(driven.state?.inputs.manifest);
    expect(kept).toContain("user = (hidden)\\npassword = {{secret:password, another value}}");
    expect(kept).toContain('"found":"inactive, not enabled"');
    await driven.up(inputs());
    await driven.refresh();
    expect((await driven.preview(inputs())).steps).toEqual(["same"]);
  });

  it("leaves alone what a program made of its seed file", async () => {
    await inside("echo its own > /etc/keeper.seed");
    await driven.refresh();
    expect((await driven.preview(inputs())).steps).toEqual(["same"]);
  });
});

describe("what a manifest leaves out", () => {
  it("is removed where it has no state, and kept whole where it has", async () => {
    const fewer = everything();
    fewer.roles.splice(1, 2);
    await driven.up(inputs(fewer));
    expect(await inside("systemctl is-active keeper helper || true")).toBe("active\ninactive");
    expect(await inside("ls /etc/keeper.conf /etc/helper.conf 2>/dev/null || true")).toBe("/etc/keeper.conf");
    expect(driven.messages).toContain(
      "warning: keeper is no longer declared on this machine but holds data: it was left as it is",
    );
    await driven.up(inputs());
    expect(await inside("systemctl is-active keeper helper")).toBe("active\nactive");
  });

  it("is stopped where the manifest says so", async () => {
    const stopped = everything();
    stopped.roles[1]!.units[0]!.state = "stopped";
    await driven.up(inputs(stopped));
    expect(await inside("systemctl is-active keeper || true; systemctl is-enabled keeper || true")).toBe(
      "inactive\ndisabled",
    );
    await driven.up(inputs());
  });
});

describe("a machine that reboots", () => {
  it("has its volume, its units and its host key again, and nothing left to do", async () => {
    await inside("systemctl --no-block reboot");
    await until("it is down", async () => (await cloud.attempt(1, "findmnt /data")) === null);
    await cloud.booted(1);
    expect(await inside("findmnt -no FSTYPE /data; systemctl is-active keeper helper")).toBe(
      "xfs\nactive\nactive",
    );
    await driven.refresh();
    // What lived in /run only is gone, as it should.
    const { diff } = await driven.preview(inputs());
    expect(Object.keys(diff?.detailed ?? {})).toEqual(["manifest.roles.helper.finish[0].found"]);
  });

  it("does not start without its volume what keeps data on it", async () => {
    const override = "/run/systemd/system/data.mount.d";
    await inside(
      `mkdir -p ${override}; printf '[Mount]\\nWhat=/dev/gone\\n' > ${override}/x.conf; systemctl daemon-reload`,
    );
    await inside("systemctl stop keeper; umount /data");
    await expect(inside("systemctl start keeper")).rejects.toThrow();
    await inside(`rm -r ${override}; systemctl daemon-reload; systemctl start keeper`);
    expect(await inside("findmnt -no FSTYPE /data; systemctl is-active keeper")).toBe("xfs\nactive");
  });
});

describe("packages", () => {
  it("come in one go, start nothing by themselves, and are held", async () => {
    const more = everything();
    more.roles.push(role("cache", { packages: ["redis-server"], hold: ["redis-server"] }));
    await driven.up(inputs(more));
    expect(await inside("dpkg-query -W -f '${db:Status-Abbrev}' redis-server")).toBe("hi ");
    expect(await inside("systemctl is-active redis-server || true")).toBe("inactive");
    expect(await inside("ls /usr/sbin/policy-rc.d 2>/dev/null || true")).toBe("");
    more.roles.pop();
    await driven.up(inputs(more));
    expect(await inside("dpkg-query -W -f '${db:Status-Abbrev}' redis-server")).toBe("ii ");
  });

  it("that do not exist are named, with apt's own words", async () => {
    const wrong = everything();
    wrong.roles.push(role("cache", { packages: ["no-such-package"] }));
    await expect(driven.up(inputs(wrong))).rejects.toThrow(
      /machine-1: packages could not be installed: no-such-package\n[\s\S]*Unable to locate package no-such-package/,
    );
  });
});
