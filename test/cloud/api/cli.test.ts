import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { certificateFiles, type FakeWorld, publicKey, startFakeWorld } from "./fakeWorld.ts";
import { hcloudCli } from "./tools.ts";

let cli: string;
let world: FakeWorld;
let folder: string;

beforeAll(async () => {
  cli = await hcloudCli();
  world = await startFakeWorld();
  folder = await mkdtemp(join(tmpdir(), "phasewise-cli-"));
  await certificateFiles(folder);
  await writeFile(join(folder, "key.pub"), publicKey);
  await writeFile(
    join(folder, "rules.json"),
    JSON.stringify([{ direction: "in", protocol: "tcp", port: "22", source_ips: ["0.0.0.0/0"] }]),
  );
});
afterAll(async () => {
  await world?.close();
  await rm(folder, { recursive: true, force: true });
});

/** Runs `hcloud`, polling often; gives its exit code and what it printed. */
async function run(command: string) {
  const { exitCode, stdout, stderr } = await execa(cli, ["--poll-interval", "50ms", ...command.split(" ")], {
    env: { ...world.env, HOME: folder },
    cwd: folder,
    reject: false,
  });
  return { exitCode, stdout, stderr };
}

async function succeed(command: string): Promise<string> {
  const result = await run(command);
  expect(result.exitCode, `${command}: ${result.stderr}`).toBe(0);
  return result.stdout;
}

async function fail(command: string): Promise<string> {
  const result = await run(command);
  expect(result.exitCode, command).not.toBe(0);
  return result.stderr.trim();
}

/** The columns of a list, one line an entry. */
async function list(command: string): Promise<string[]> {
  return (await succeed(`${command} -o noheader`)).split("\n").filter((line) => line !== "");
}

describe("the hcloud CLI", () => {
  it("lists what is for sale", async () => {
    expect(await list("server-type list -o columns=name")).toContain("cpx22");
    expect(await list("location list -o columns=name,network_zone")).toHaveLength(6);
    expect(await list("image list -o columns=name")).toEqual(["debian-13"]);
    expect(await succeed("server-type describe cpx22")).toContain("Memory:\t\t4.0 GB");
  });

  it("makes what a server needs", async () => {
    await succeed("ssh-key create --name everyday --public-key-from-file key.pub --label team=a");
    await succeed("network create --name net --ip-range 10.0.0.0/16");
    await succeed("network add-subnet net --type cloud --network-zone eu-central --ip-range 10.0.1.0/24");
    await succeed("network add-route net --destination 10.50.0.0/24 --gateway 10.0.1.7");
    await succeed("firewall create --name fw --rules-file rules.json");
    await succeed("placement-group create --name pg --type spread");
    await succeed("volume create --name data --size 10 --location fsn1 --format ext4");
    expect(await fail("network create --name net --ip-range 10.1.0.0/16")).toMatch(
      /name is already used \(uniqueness_error/,
    );
    expect(await fail("volume create --name small --size 5 --location fsn1")).toMatch(
      /invalid input in field 'size'/,
    );
  });

  it("creates, shows, labels and finds a server", async () => {
    const out = await succeed(
      "server create --name web-1 --type cpx22 --image debian-13 --location fsn1 --ssh-key everyday --network net " +
        "--firewall fw --placement-group pg --volume data --label role=web",
    );
    expect(out).toMatch(/Server \d+ created\nIPv4: 198\.18\.0\.2/);
    expect(await list("server list -o columns=name,status,ipv4,private_net")).toEqual([
      expect.stringMatching(/^web-1 +running +198\.18\.0\.2 +10\.0\.1\.1 \(net\)$/),
    ]);
    const described = await succeed("server describe web-1");
    for (const line of ["Status:\t\trunning", "Name:\t\tcpx22", "role: web"])
      expect(described).toContain(line);
    await succeed("server add-label web-1 tier=front");
    expect(await list("server list -l role=web,tier!=back -o columns=name")).toEqual(["web-1"]);
    expect(await list("server list -l !role -o columns=name")).toEqual([]);
    expect(await succeed("server ip web-1")).toBe("198.18.0.2");
    expect(JSON.parse(await succeed("server describe web-1 -o json")).volumes).toHaveLength(1);
    expect(
      await fail(
        "server create --name web-1 --type cpx22 --image debian-13 --location fsn1 --ssh-key everyday",
      ),
    ).toMatch(/server name is already used \(uniqueness_error/);
  });

  it("drives its power, type, networks and volume", async () => {
    await succeed("server poweroff web-1");
    await succeed("server change-type web-1 cpx32 --keep-disk");
    expect(await list("server list -o columns=name,status,type")).toEqual([
      expect.stringMatching(/^web-1 +off +cpx32$/),
    ]);
    await succeed("server poweron web-1");
    await succeed("server reset web-1");
    await succeed("server reboot web-1");
    await succeed("server rebuild web-1 --image debian-13");
    await succeed("server change-alias-ips web-1 --network net --alias-ips 10.0.1.30");
    await succeed("server detach-from-network web-1 --network net");
    await succeed("server attach-to-network web-1 --network net --ip 10.0.1.40");
    await succeed("volume detach data");
    await succeed("volume resize data --size 12");
    await succeed("volume attach data --server web-1");
    expect(await list("volume list -o columns=name,size,server")).toEqual([
      expect.stringMatching(/^data +12 GB +web-1$/),
    ]);
    expect(await fail("server change-type web-1 cpx22")).toMatch(
      /server is not stopped \(server_not_stopped/,
    );
  });

  it("is refused what is protected or not offered, in Hetzner's words", async () => {
    await succeed("server enable-protection web-1 delete rebuild");
    expect(await fail("server delete web-1")).toMatch(/server is protected against deletion \(protected/);
    await succeed("server disable-protection web-1 delete rebuild");
    expect(await fail("server enable-backup web-1")).toMatch(
      /not supported by this cloud \(unsupported_error/,
    );
    expect(await fail("floating-ip create --type ipv4 --home-location fsn1")).toMatch(/\(unavailable/);
    expect(await fail("firewall delete fw")).toMatch(/is still in use \(resource_in_use/);
    expect(await fail("volume delete data")).toMatch(/is still attached to a server \(service_error/);
    expect(await fail("server describe nothing")).toContain("not found");
  });

  it("changes firewalls and addresses", async () => {
    await succeed("firewall add-rule fw --direction in --protocol tcp --port 80-85 --source-ips 0.0.0.0/0");
    await succeed("firewall remove-from-resource fw --type server --server web-1");
    await succeed("firewall delete fw");
    await succeed("server poweroff web-1");
    const [address] = await list("primary-ip list -o columns=id");
    await succeed(`primary-ip unassign ${address}`);
    await succeed(`primary-ip delete ${address}`);
    await succeed("server poweron web-1");
  });

  it("makes, changes and removes a load balancer", async () => {
    await succeed("certificate create --name cert --cert-file certificate.pem --key-file key.pem");
    await succeed("load-balancer create --name lb --type lb11 --location fsn1 --label part=front");
    await succeed("load-balancer attach-to-network lb --network net --ip 10.0.1.100");
    await succeed("load-balancer add-service lb --protocol tcp --listen-port 5432 --destination-port 6432");
    const [certificate] = await list("certificate list -o columns=id");
    await succeed(
      `load-balancer add-service lb --protocol https --http-certificates ${certificate} --http-redirect-http`,
    );
    await succeed("load-balancer add-target lb --server web-1 --use-private-ip");
    await succeed("load-balancer add-target lb --label-selector role=web --use-private-ip");
    expect(await fail("load-balancer add-target lb --server web-1 --use-private-ip")).toMatch(
      /\(target_already_defined/,
    );
    expect(await fail("load-balancer add-target lb --ip 192.0.2.1")).toMatch(/\(ip_not_owned/);
    expect(await fail("certificate delete cert")).toMatch(/is still in use \(resource_in_use/);
    await succeed(
      "load-balancer update-service lb --listen-port 5432 --health-check-interval 5s --health-check-timeout 3s",
    );
    await succeed("load-balancer change-algorithm lb --algorithm-type least_connections");
    await succeed("load-balancer change-type lb lb21");
    await succeed("load-balancer add-label lb tier=edge");
    expect(await list("load-balancer list -l tier=edge -o columns=name,type,location,network_zone")).toEqual([
      expect.stringMatching(/^lb +lb21 +fsn1 +eu-central$/),
    ]);
    await expect
      .poll(() => succeed("load-balancer describe lb"), { timeout: 10_000 })
      .toMatch(/Service:\s+5432\s+Status:\s+healthy/);
    await succeed("load-balancer enable-protection lb delete");
    expect(await fail("load-balancer delete lb")).toMatch(/\(protected/);
    await succeed("load-balancer disable-protection lb delete");
    await succeed("load-balancer remove-target lb --server web-1");
    await succeed("load-balancer delete-service lb --listen-port 443");
    await succeed("load-balancer detach-from-network lb --network net");
    await succeed("load-balancer delete lb");
    await succeed("certificate delete cert");
  });

  it("takes everything away again", async () => {
    await succeed("server delete web-1");
    // This version of the CLI does not wait for the end of a deletion.
    await expect.poll(() => list("server list -o columns=id"), { timeout: 10_000 }).toEqual([]);
    await succeed("volume delete data");
    await succeed("network delete net");
    await succeed("placement-group delete pg");
    await succeed("ssh-key delete everyday");
    for (const kind of [
      "server",
      "volume",
      "network",
      "placement-group",
      "ssh-key",
      "primary-ip",
      "firewall",
      "load-balancer",
      "certificate",
    ]) {
      expect(await list(`${kind} list -o columns=id`), kind).toEqual([]);
    }
    expect([world.hypervisor.machines.size, world.hypervisor.balancers.size]).toEqual([0, 0]);
  });
});
