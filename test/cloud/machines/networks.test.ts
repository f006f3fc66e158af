import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { FirewallRule } from "../../../cloud/hypervisor.ts";
import { attachment, greeting, privateNetwork, TestCloud, until } from "./testCloud.ts";

const cloud = new TestCloud("networks");
const other = new TestCloud("networks-beside");
const rule = (changes: Partial<FirewallRule> = {}): FirewallRule => ({
  direction: "in",
  protocol: "tcp",
  port: "22",
  peers: ["0.0.0.0/0", "::/0"],
  ...changes,
});

beforeAll(async () => {
  await cloud.open();
  await cloud.hypervisor.ensureNetwork(privateNetwork);
  await Promise.all([1, 2].map((id) => cloud.boot(cloud.server(id, { networks: [attachment(id)] }))));
});
afterAll(async () => {
  await other.destroy();
  await cloud.destroy();
});

const pings = (id: number, address: string) =>
  cloud.inside(id, `ping -c 1 -W 1 ${address} >/dev/null 2>&1 && echo yes || echo no`);

describe("a private network", () => {
  it("has Hetzner's interface and routes", async () => {
    expect(await cloud.inside(1, "ip -brief address show dev enp7s0")).toMatch(/UP\s+10\.0\.1\.11\/32/);
    expect(await cloud.inside(1, "ip route show dev enp7s0")).toContain("10.0.0.0/16 via 10.0.0.1");
    expect(await cloud.inside(1, "cat /sys/class/net/enp7s0/address /sys/class/net/enp7s0/mtu")).toBe(
      `${attachment(1).macAddress}\n1450`,
    );
  });

  it("routes between machines over its gateway, and has no wire that they share", async () => {
    expect(await pings(1, "10.0.1.12")).toBe("yes");
    expect(await pings(1, "10.0.0.1")).toBe("yes");
    expect(await cloud.inside(1, "ip neighbour show dev enp7s0")).toMatch(/^10\.0\.0\.1 /);
    expect(await cloud.inside(1, "ip neighbour show dev enp7s0")).not.toContain("10.0.1.12");
    expect(await pings(1, "10.0.1.77")).toBe("no");
  });

  it("is out of the host's reach", async () => {
    const { stdout } = await execa("ip", ["route", "show", "table", "all"]);
    expect(stdout).not.toMatch(/\b10\.0\.1\.1[12]\b/);
  });

  it("knows alias addresses and routes", async () => {
    const alias = { ...attachment(2), aliasIps: ["10.0.1.200"] };
    await cloud.hypervisor.attachNetwork(2, alias);
    await cloud.inside(2, "ip address add 10.0.1.200/32 dev enp7s0; ip address add 10.100.0.1/32 dev lo");
    expect(await pings(1, "10.0.1.200")).toBe("yes");
    const routed = { ...privateNetwork, routes: [{ destination: "10.100.0.0/16", gateway: "10.0.1.12" }] };
    await cloud.hypervisor.ensureNetwork(routed);
    await cloud.inside(1, "ip route add 10.100.0.0/16 via 10.0.0.1 dev enp7s0 onlink");
    expect(await pings(1, "10.100.0.1")).toBe("yes");
    await cloud.hypervisor.ensureNetwork(privateNetwork);
    expect(await pings(1, "10.100.0.1")).toBe("no");
  });

  it("comes to a running machine and goes from it", async () => {
    const second = { ...privateNetwork, id: 8, ipRange: "10.8.0.0/16", name: "second" };
    await cloud.hypervisor.ensureNetwork(second);
    for (const id of [1, 2]) {
      await cloud.hypervisor.attachNetwork(id, { ...attachment(id, 8), ip: `10.8.1.${id}` });
    }
    await until("the second network is up", async () => (await pings(1, "10.8.1.2")) === "yes");
    expect(await cloud.inside(1, "ip -brief link show dev enp8s0")).toContain("UP");
    await cloud.hypervisor.detachNetwork(1, 7);
    expect(await cloud.attempt(1, "ip link show dev enp7s0")).toBeNull();
    expect(await pings(1, "10.8.1.2")).toBe("yes");
    await cloud.hypervisor.attachNetwork(1, attachment(1));
    await until("the first network is up again", async () => (await pings(1, "10.0.1.12")) === "yes");
    for (const id of [1, 2]) await cloud.hypervisor.detachNetwork(id, 8);
    await cloud.hypervisor.deleteNetwork(8);
    expect((await execa("ip", ["netns", "list"])).stdout).not.toContain("network-8");
  });

  it("comes to a machine that is just booting, at whatever moment, and never holds up the boot", async () => {
    for (const delay of [0, 50, 100, 200, 400, 800]) {
      const server = cloud.server(3);
      await cloud.hypervisor.createServer(server);
      await cloud.hypervisor.powerOn(server);
      await sleep(delay);
      const begin = Date.now();
      await cloud.hypervisor.attachNetwork(3, attachment(3));
      await until("it is reached", async () => (await pings(2, "10.0.1.13")) === "yes");
      await cloud.booted(3);
      expect(Date.now() - begin, `attached ${delay} ms after the start`).toBeLessThan(60_000);
      await cloud.hypervisor.deleteServer(3);
    }
  });

  it("is there again after a reboot that nobody helps with", async () => {
    await cloud.inside(2, "systemctl reboot");
    await until("it answers again", async () => (await pings(1, "10.0.1.12")) === "no");
    await until("it answers again", async () => (await pings(1, "10.0.1.12")) === "yes");
  });
});

describe("a firewall", () => {
  const ssh = () => greeting(cloud.address(1), 22);

  it("closes everything but what its rules open, and lets answers through", async () => {
    await cloud.booted(2);
    await cloud.hypervisor.setFirewall(1, []);
    expect(await ssh()).toBeNull();
    expect(await pings(2, cloud.address(1))).toBe("no");
    expect(await pings(1, cloud.address(2))).toBe("yes");
    await cloud.hypervisor.setFirewall(1, [rule()]);
    expect(await ssh()).toContain("SSH-2.0");
    expect(await greeting(cloud.address6(1), 22)).toContain("SSH-2.0");
    expect(await pings(2, cloud.address(1))).toBe("no");
    await cloud.hypervisor.setFirewall(1, [rule({ protocol: "icmp", port: null })]);
    expect(await pings(2, cloud.address(1))).toBe("yes");
  });

  it("tells sources apart", async () => {
    await cloud.hypervisor.setFirewall(1, [rule({ peers: [`${cloud.address(2)}/32`] })]);
    expect(await ssh()).toBeNull();
    expect(
      await cloud.inside(2, `timeout 2 bash -c 'read -r x < /dev/tcp/${cloud.address(1)}/22; echo $x'`),
    ).toContain("SSH-2.0");
    await cloud.hypervisor.setFirewall(1, [rule({ peers: [`${cloud.hypervisor.publicRange.gateway}/32`] })]);
    expect(await ssh()).toContain("SSH-2.0");
  });

  it("holds what goes out as soon as a rule speaks of it", async () => {
    const out = rule({ direction: "out", protocol: "tcp", port: "3143", peers: ["0.0.0.0/0"] });
    await cloud.hypervisor.setFirewall(1, [rule(), out]);
    expect(await pings(1, cloud.address(2))).toBe("no");
    const { gateway } = cloud.hypervisor.publicRange;
    const probe = `timeout 2 bash -c 'exec 3<>/dev/tcp/${gateway}/3143' && echo open`;
    expect(await cloud.inside(1, probe)).toBe("open");
    await cloud.hypervisor.setFirewall(1, null);
    expect(await pings(1, cloud.address(2))).toBe("yes");
  });

  it("does not stand before the private network, as at Hetzner", async () => {
    await cloud.hypervisor.setFirewall(1, []);
    expect(await pings(2, "10.0.1.11")).toBe("yes");
    await cloud.hypervisor.setFirewall(1, null);
  });

  it("lets no machine speak with another one's address", async () => {
    await cloud.inside(1, `ip address add ${cloud.address(9)}/32 dev eth0`);
    const script = `ping -c 1 -W 1 -I ${cloud.address(9)} ${cloud.address(2)} >/dev/null && echo yes || echo no`;
    expect(await cloud.inside(1, script)).toBe("no");
    await cloud.inside(1, `ip address del ${cloud.address(9)}/32 dev eth0`);
  });
});

describe("two clouds on one host", () => {
  it("do not meet, though they have the same ids and private addresses", async () => {
    await other.open();
    expect(other.slot).not.toBe(cloud.slot);
    await other.hypervisor.ensureNetwork(privateNetwork);
    await other.boot(other.server(1, { name: "other", networks: [attachment(1)] }));
    expect(await other.inside(1, "hostname")).toBe("other");
    expect(await cloud.inside(1, "hostname")).toBe("machine-1");
    expect(await greeting(other.address(1), 22)).toContain("SSH-2.0");
    for (const address of [cloud.address(1), "10.0.1.12"]) {
      expect(await other.inside(1, `ping -c 1 -W 1 ${address} >/dev/null && echo yes || echo no`)).toBe("no");
    }
    const { slot } = other;
    await other.destroy();
    expect(await other.leftovers(slot)).toEqual([]);
    expect(await cloud.hypervisor.isRunning(1)).toBe(true);
    expect(await pings(1, "10.0.1.12")).toBe("yes");
  });
});
