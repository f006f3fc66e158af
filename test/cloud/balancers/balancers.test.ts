import { readdir } from "node:fs/promises";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { testCertificate } from "../../unit/cloud/api/testCertificate.ts";
import { type Bench, bench, findPulumi } from "../../unit/plugins/pulumi.ts";
import { type Declared, program } from "./program.ts";
import { answering, get, type Json, Lines, overTls, World } from "./world.ts";

/** Load balancers by the SDK's own classes, on real machines. */

const world = new World();
const plugin = new URL("../../../plugins/hcloud/bin", import.meta.url).pathname;
let stack: Bench;
let servers: Json[];
let network: number;
let ip: string;
let declared: Declared;

beforeAll(async () => {
  await world.open();
  const body = {
    name: "net",
    ip_range: "10.0.0.0/16",
    subnets: [{ type: "cloud", network_zone: "eu-central", ip_range: "10.0.1.0/24" }],
  };
  network = (await world.make("POST", "/networks", body)).network.id;
  const { endpoint, token } = world.cloud;
  [stack, ...servers] = await Promise.all([
    bench(findPulumi() ?? "", [{ name: "hcloud", path: plugin }], {
      HCLOUD_ENDPOINT: endpoint,
      HCLOUD_TOKEN: token,
    }),
    world.webServer("web-1", network),
    world.webServer("web-2", network, { public_net: { enable_ipv4: false, enable_ipv6: false } }),
  ]);
  await stack.stack.setConfig("hcloud:pollInterval", { value: "50ms" });
  declared = { network, algorithm: "round_robin", type: "lb11", web: {}, enablePublicInterface: true };
});
afterAll(async () => {
  await stack?.[Symbol.asyncDispose]();
  await world.destroy();
});

async function up(changes: Partial<Declared> = {}) {
  declared = { ...declared, ...changes };
  stack.program = program(declared);
  const { summary, outputs } = await stack.stack.up();
  return { changes: summary.resourceChanges, outputs };
}

const all = (status: string) =>
  servers.flatMap(({ id }) => [5000, 80].map((port) => `${id}:${port} ${status}`)).sort();
const reaches = (expected: string[]) =>
  expect.poll(() => world.health(), { timeout: 30_000, interval: 200 }).toEqual(expected);

const answers = (expected: string[]) =>
  expect.poll(() => answering(`http://${ip}/`), { timeout: 10_000, interval: 100 }).toEqual(expected);

describe("a load balancer of a Pulumi program", () => {
  it("is made, and a second run finds nothing to do", async () => {
    const made = await up();
    expect(made.changes).toEqual({ create: 6 });
    ip = made.outputs.ip?.value;
    expect(made.outputs.privateIp?.value).toBe("10.0.1.5");
    expect((await up()).changes).toEqual({ same: 6 });
    expect((await stack.stack.refresh()).summary.resourceChanges).toEqual({ same: 6 });
    await reaches(all("healthy"));
  });

  it("leads to all servers in turn, over the private network, and says where a request came from", async () => {
    expect(await answering(`http://${ip}/`)).toEqual(["web-1", "web-2"]);
    const gateway = world.cloud.publicRange.gateway;
    expect(await get(`http://${ip}/`)).toMatch(
      new RegExp(`^200 web-\\d well 10\\.0\\.1\\.5 \\['${gateway.replaceAll(".", "\\.")}', 'http', '80'\\]$`),
    );
    const { ipv6 } = (await world.balancer()).public_net;
    expect(await get(`http://[${ipv6.ip}]/`)).toMatch(/^200 web-\d well/);
  });

  it("is listed by the network and the servers", async () => {
    const { id } = await world.balancer();
    expect((await world.call("GET", `/networks/${network}`)).body.network.load_balancers).toEqual([id]);
    const { members } = (await world.call("GET", `/networks/${network}/members`)).body;
    expect(members).toContainEqual({
      id,
      type: "load_balancer",
      ip: "10.0.1.5",
      alias_ips: [],
      subnet: "10.0.1.0/24",
      status: "ok",
    });
    expect((await world.call("GET", `/servers/${servers[0].id}`)).body.server.load_balancers).toEqual([id]);
  });

  it("changes everything without ending a connection", async () => {
    const lines = new Lines(ip, 5000);
    const first = await lines.ask("one");
    expect(first).toMatch(/^web-\d one$/);
    const changed = await up({
      algorithm: "least_connections",
      type: "lb21",
      web: { http: { stickySessions: true, cookieName: "STAY", cookieLifetime: 100 } },
    });
    expect(changed.changes).toEqual({ same: 4, update: 2 });
    expect((await up()).changes).toEqual({ same: 6 });
    expect(await world.balancer()).toMatchObject({
      algorithm: { type: "least_connections" },
      load_balancer_type: { name: "lb21" },
    });
    expect(await lines.ask("two")).toBe(first?.replace("one", "two"));
    lines.close();
    // Nobody had to prove anew that it is well.
    expect(await world.health()).toEqual(all("healthy"));
  });

  it("keeps a client at its server by a cookie", async () => {
    const response = await fetch(`http://${ip}/`, { headers: { connection: "close" } });
    const name = (await response.text()).split(" ")[0];
    const [cookie = ""] = response.headers.getSetCookie();
    expect(cookie).toMatch(/^STAY=[^;]+;.*Max-Age=100/i);
    for (let n = 0; n < 4; n++) {
      expect(await get(`http://${ip}/`, { cookie: cookie.split(";")[0] ?? "" })).toContain(` ${name} `);
    }
  });

  it("gives nothing to a server that is ill, and shows it", async () => {
    const { ip: address } = servers[0].public_net.ipv4;
    const [one, two] = servers;
    await inside("touch /run/ill");
    await reaches(
      [
        `${one.id}:5000 healthy`,
        `${one.id}:80 unhealthy`,
        `${two.id}:5000 healthy`,
        `${two.id}:80 healthy`,
      ].sort(),
    );
    expect(await answering(`http://${ip}/`)).toEqual(["web-2"]);
    expect(await get(`http://${address}:8080/`)).toMatch(/^200 web-1/);
    const [label] = (await world.balancer()).targets;
    const ill = label.targets.find(({ server }: Json) => server.id === one.id);
    expect(ill.health_status).toContainEqual({
      listen_port: 80,
      status: "unhealthy",
      detail: "unexpected_http_status",
      http_status_code: 503,
    });
    // Neither does a reload give it a chance that it did not earn.
    await up({ algorithm: "round_robin" });
    expect(await answering(`http://${ip}/`)).toEqual(["web-2"]);
    await inside("rm /run/ill");
    await reaches(all("healthy"));
    expect(await answering(`http://${ip}/`)).toEqual(["web-1", "web-2"]);
  });

  it("follows labels, and servers that come and go", async () => {
    const [one, two] = servers;
    await world.make("PUT", `/servers/${one.id}`, { labels: {} });
    await reaches([`${two.id}:5000 healthy`, `${two.id}:80 healthy`]);
    await answers(["web-2"]);
    await world.make("PUT", `/servers/${one.id}`, { labels: { role: "web" } });
    await reaches(all("healthy"));
    await world.make("POST", `/servers/${two.id}/actions/poweroff`);
    await expect.poll(() => world.health(), { timeout: 20_000 }).toContain(`${two.id}:80 unhealthy`);
    expect(await answering(`http://${ip}/`)).toEqual(["web-1"]);
    await world.make("DELETE", `/servers/${two.id}`);
    servers = [one];
    await reaches(all("healthy"));
  });

  it("goes on without a daemon, which finds it again without a change", async () => {
    let lines = new Lines(ip, 5000);
    const first = async () => {
      lines.close();
      lines = new Lines(ip, 5000);
      return await lines.ask("one");
    };
    await expect.poll(first, { timeout: 30_000 }).toBe("web-1 one");
    await world.killDaemon();
    expect(await answering(`http://${ip}/`)).toEqual(["web-1"]);
    await world.start();
    expect(await lines.ask("two")).toBe("web-1 two");
    lines.close();
    expect(await world.health()).toEqual(all("healthy"));
  });

  it("is back soon when its HAProxy is killed, and when all of it is", async () => {
    for (const what of ["haproxy", "."]) {
      const begin = Date.now();
      // Some of them take others along.
      await execa("kill", ["-9", ...(await processes(what)).map(String)], { reject: false });
      await expect
        .poll(() => get(`http://${ip}/`).catch((error) => String(error)), { timeout: 10_000, interval: 50 })
        .toMatch(/^200 web-1/);
      expect(Date.now() - begin).toBeLessThan(5000);
    }
  });

  it("ends TLS, leads to the host, and tells where a connection came from by the PROXY protocol", async () => {
    const { certificate, privateKey, authority } = await testCertificate("shop.example");
    const uploaded = await world.make("POST", "/certificates", {
      name: "shop",
      certificate,
      private_key: privateKey,
    });
    const check = (port: number) => ({ protocol: "tcp", port, interval: 3, timeout: 2, retries: 1 });
    const { load_balancer: other } = await world.make("POST", "/load_balancers", {
      name: "other",
      load_balancer_type: "lb11",
      network_zone: "eu-central",
      services: [
        {
          protocol: "https",
          destination_port: 8080,
          http: { certificates: [uploaded.certificate.id], redirect_http: true },
          health_check: check(8080),
        },
        {
          protocol: "tcp",
          listen_port: 5000,
          destination_port: 9000,
          proxyprotocol: true,
          health_check: check(9000),
        },
        { protocol: "tcp", listen_port: 3143, destination_port: 3143, health_check: check(3143) },
      ],
      targets: [{ type: "server", server: { id: servers[0].id } }],
    });
    const front = other.public_net.ipv4.ip;
    await expect
      .poll(() => overTls(front, "shop.example", authority))
      .toMatch(/^200 web-1 well .*'https', '443'/);
    const plain = await fetch(`http://${front}/a?b`, {
      redirect: "manual",
      headers: { connection: "close" },
    });
    expect([plain.status, plain.headers.get("location")]).toEqual([301, `https://${front}/a?b`]);
    const proxied = async () => {
      const lines = new Lines(front, 5000);
      try {
        return await lines.ask("hello");
      } finally {
        lines.close();
      }
    };
    // PROXY's second version begins with an empty line. Each service's check is its own: the other one's success says
    // nothing of this one.
    await expect.poll(proxied).toMatch(/^web-1 \r?$/m);
    const target = { type: "ip", ip: { ip: world.cloud.publicRange.gateway } };
    await world.make("POST", `/load_balancers/${other.id}/actions/add_target`, target);
    const seen = async () => {
      const { targets } = (await world.call("GET", `/load_balancers/${other.id}`)).body.load_balancer;
      return targets.find(({ type }: Json) => type === "ip").health_status;
    };
    await expect
      .poll(seen, { timeout: 10_000, interval: 100 })
      .toContainEqual({ listen_port: 3143, status: "healthy" });
    expect(await get(`http://${front}:3143/acng-report.html`)).toMatch(/^[2345]\d\d /);
    expect((await world.call("DELETE", `/load_balancers/${other.id}`)).body.action.status).toBe("success");
    expect((await world.call("DELETE", `/certificates/${uploaded.certificate.id}`)).status).toBe(204);
  });

  it("is closed to the world without its public interface", async () => {
    await up({ enablePublicInterface: false });
    await expect(get(`http://${ip}/`)).rejects.toThrow();
    expect(await inside("curl --silent http://10.0.1.5/")).toMatch(/^web-1 well/);
    await up({ enablePublicInterface: true });
    expect(await get(`http://${ip}/`)).toMatch(/^200 web-1/);
  });

  it("goes with everything that it had", async () => {
    await stack.stack.destroy();
    expect((await world.call("GET", "/load_balancers")).body.load_balancers).toEqual([]);
    expect((await execa("ip", ["netns", "list"])).stdout).not.toContain(`phasewise-${slot()}-balancer`);
    expect(await readdir(`/run/phasewise/${slot()}`)).toEqual([]);
    expect(await processes(".")).toEqual([]);
  });
});

function slot(): number {
  const [, second, third] = world.cloud.publicRange.gateway.split(".").map(Number);
  return ((second ?? 0) - 18) * 256 + (third ?? 0);
}

/** Runs a script on the first server. */
async function inside(script: string): Promise<string> {
  const namespace = `phasewise-${slot()}-server-${servers[0].id}`;
  const { stdout: pids } = await execa("ip", ["netns", "pids", namespace]);
  for (const pid of pids.split("\n")) {
    const { stdout } = await execa("cat", [`/proc/${pid}/comm`], { reject: false });
    if (stdout !== "systemd") continue;
    const args = ["--target", pid, "--all", "--", "sh", "-e", "-c", script];
    return (await execa("nsenter", args)).stdout;
  }
  throw new Error("the first server does not run");
}

/** Processes of the load balancer whose command matches. */
async function processes(command: string): Promise<number[]> {
  const pattern = `/run/phasewise/${slot()}/`;
  const { stdout } = await execa("ps", ["-eo", "pid=,args="]);
  return stdout
    .split("\n")
    .map((line) => /^\s*(\d+) (.*)$/s.exec(line))
    .filter((match) => match?.[2]?.includes(pattern) && new RegExp(`^\\S*${command}`).test(match[2]))
    .map((match) => Number(match?.[1]));
}
