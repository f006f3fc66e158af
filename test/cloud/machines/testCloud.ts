import { access, readdir, readFile, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { ipv6Host, ipv6Subnet } from "../../../cloud/api/addresses.ts";
import type {
  Hypervisor,
  NetworkAttachmentSpec,
  NetworkSpec,
  ServerSpec,
  VolumeSpec,
} from "../../../cloud/hypervisor.ts";
import { createHypervisor, destroyHypervisor } from "../../../cloud/machines/hypervisor.ts";
import { leaderOf } from "../../../cloud/machines/leader.ts";
import type { Place } from "../../../cloud/machines/names.ts";

/** A cloud of real machines for a test, in a folder of its own; what a crashed run left there is removed first. */
export class TestCloud {
  readonly directory: string;
  readonly progress: string[] = [];
  #hypervisor: Hypervisor | null = null;
  #slot = -1;

  constructor(name: string) {
    this.directory = join(tmpdir(), `phasewise-test-${name}`);
  }

  async open(): Promise<void> {
    await destroyHypervisor(this.options);
    await this.start();
  }

  /** Starts it as a daemon does that finds its folder. */
  async start(): Promise<void> {
    this.#hypervisor = await createHypervisor(this.options);
    const [, second, third] = this.#hypervisor.publicRange.gateway.split(".").map(Number);
    this.#slot = ((second ?? 0) - 18) * 256 + (third ?? 0);
  }

  async stop(): Promise<void> {
    await this.#hypervisor?.close();
    this.#hypervisor = null;
  }

  async destroy(): Promise<void> {
    await this.stop();
    await destroyHypervisor(this.options);
    await rm(this.directory, { recursive: true, force: true });
  }

  get options() {
    return {
      directory: this.directory,
      imagePackages: [] as string[],
      onProgress: (line: string) => this.progress.push(line),
    };
  }

  get hypervisor(): Hypervisor {
    if (!this.#hypervisor) throw new Error("the cloud is not open");
    return this.#hypervisor;
  }

  /** Known as soon as the cloud was open once. */
  get slot(): number {
    return this.#slot;
  }

  get place(): Place {
    return { directory: this.directory, slot: this.slot };
  }

  address(id: number): string {
    return this.hypervisor.publicRange.gateway.replace(/\.1$/, `.${id + 1}`);
  }

  address6(id: number): string {
    return ipv6Host(ipv6Subnet(this.hypervisor.publicRange.ipv6, id) ?? "");
  }

  server(id: number, changes: Partial<ServerSpec> = {}): ServerSpec {
    return {
      id,
      name: `machine-${id}`,
      image: "debian-13",
      userData: "",
      sshKeys: [],
      rootPasswordHash: null,
      cores: 2,
      memoryBytes: 2 ** 30,
      diskBytes: 2 ** 34,
      running: true,
      ipv4: this.address(id),
      ipv6: this.address6(id),
      macAddress: `92:00:00:00:00:${id.toString(16).padStart(2, "0")}`,
      location: "fsn1",
      networks: [],
      volumes: [],
      firewall: null,
      ...changes,
    };
  }

  /** Creates and starts a machine and waits until it has booted. */
  async boot(server: ServerSpec): Promise<void> {
    await this.hypervisor.createServer(server);
    await this.hypervisor.powerOn(server);
    await this.booted(server.id);
  }

  /** @throws Error that says what a boot waits for which does not end. */
  async booted(id: number): Promise<void> {
    const booted = async () => {
      const ask = "timeout --signal=KILL 10 systemctl is-system-running --wait || true";
      const state = (await this.attempt(id, ask))?.trim();
      if (state === "degraded") throw new Error(await this.inside(id, "systemctl --failed"));
      return state === "running";
    };
    try {
      await until(`machine ${id} has booted`, booted);
    } catch (error) {
      const ask =
        "timeout --signal=KILL 10 systemctl list-jobs --no-pager; ps -eo pid,stat,wchan:30,etimes,args";
      throw new Error(`${String(error)}\n${await this.attempt(id, ask)}`, { cause: error });
    }
  }

  /** Runs a script inside a machine, without its network. */
  async inside(id: number, script: string): Promise<string> {
    const leader = await leaderOf(this.place, id);
    if (leader === null) throw new Error(`machine ${id} does not run`);
    const { stdout } = await execa(
      "nsenter",
      ["--target", String(leader), "--all", "--", "sh", "-e", "-c", script],
      { extendEnv: false, env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", HOME: "/root" } },
    );
    return stdout;
  }

  /** Like `inside`, but as a child of the machine's init: with its rights and within its limits. */
  async within(id: number, script: string): Promise<string> {
    return this.inside(
      id,
      `systemd-run --quiet --pipe --wait --collect sh -e -c '${script.replaceAll("'", `'\\''`)}'`,
    );
  }

  /** Like `inside`, but null where that fails. */
  async attempt(id: number, script: string): Promise<string | null> {
    return this.inside(id, script).catch(() => null);
  }

  /** Everything on this host that bears the slot's name or lies in the folder. */
  async leftovers(slot: number): Promise<string[]> {
    const commands = [
      ["ip", "-oneline", "link", "show"],
      ["ip", "route", "show", "table", "all"],
      ["ip", "-6", "route", "show", "table", "all"],
      ["losetup", "--list", "--noheadings", "--output", "NAME,BACK-FILE"],
      ["ps", "-eo", "pid,args"],
    ];
    const outputs = await Promise.all(commands.map(([program, ...args]) => execa(program as string, args)));
    const lines = outputs.flatMap(({ stdout }) => stdout.split("\n"));
    lines.push(...(await readFile("/proc/mounts", "utf8")).split("\n"));
    for (const folder of ["/run/netns", "/run/systemd/nspawn/propagate", "/var/lib/phasewise-cloud/slots"]) {
      lines.push(...(await readdir(folder).catch(() => [])));
    }
    for (const path of [`/dev/phasewise/${slot}`, `/run/phasewise/${slot}`, this.directory]) {
      if (await isThere(path)) lines.push(path);
    }
    const groups = await execa("find", ["/sys/fs/cgroup", "-path", `*/phasewise/${slot}*`], {
      reject: false,
    });
    lines.push(...groups.stdout.split("\n"));
    const high = 18 + Math.floor(slot / 256);
    const names = [
      new RegExp(`\\bpw${slot}\\b`),
      new RegExp(`phasewise[-/]${slot}\\b`),
      new RegExp(`\\b198\\.${high}\\.${slot % 256}\\.`),
      new RegExp(`^${slot}$`),
      ...[0, 64].map((half) => new RegExp(`\\b2001:2:0:${(slot * 128 + half).toString(16)}:`)),
      new RegExp(this.directory),
    ];
    return lines.filter((line) => names.some((name) => name.test(line)));
  }
}

export const privateNetwork: NetworkSpec = {
  id: 7,
  name: "data",
  ipRange: "10.0.0.0/16",
  subnets: [{ ipRange: "10.0.1.0/24", gateway: "10.0.0.1" }],
  routes: [],
};

export function attachment(id: number, networkId = privateNetwork.id): NetworkAttachmentSpec {
  const macAddress = `86:00:00:00:${networkId.toString(16).padStart(2, "0")}:${id.toString(16).padStart(2, "0")}`;
  return { networkId, ip: `10.0.1.${10 + id}`, aliasIps: [], macAddress };
}

export function volume(id: number, changes: Partial<VolumeSpec> = {}): VolumeSpec {
  return { id, name: `volume-${id}`, sizeGb: 10, format: "ext4", serverId: null, ...changes };
}

export const disk = (id: number) => `/dev/disk/by-id/scsi-0HC_Volume_${id}`;

export async function until(what: string, done: () => Promise<boolean>, seconds = 30): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  while (!(await done())) {
    if (Date.now() > deadline) throw new Error(`after ${seconds} s it is not so that ${what}`);
    await sleep(50);
  }
}

/** What a server says first on a port, or null where nobody answers within a second. */
export function greeting(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 1000 });
    const finish = (text: string | null) => {
      socket.destroy();
      resolve(text);
    };
    socket.once("data", (data) => finish(data.toString()));
    socket.once("close", () => finish(null));
    socket.once("error", () => finish(null));
    socket.once("timeout", () => finish(null));
  });
}

export async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
