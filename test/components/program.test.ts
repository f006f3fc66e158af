import { beforeAll, describe, expect, it } from "vitest";
import { topologySchema } from "../../infra/topology.ts";
import { marker, type Registered, resolved, run, withoutSecrets } from "./mocks.ts";

/** As Pulumi hands it over. */
const settings = {
  "hcloud:token": "t".repeat(64),
  "phasewise:phase": "1",
  "phasewise:environment": "production",
  "phasewise:access": '{"operators":["203.0.113.7/32"],"database":["203.0.113.16/28"]}',
  "phasewise:objectStorage": JSON.stringify({
    bucket: "acme-production-backups",
    accessKey: `${marker}-access`,
    secretKey: `${marker}-secret`,
  }),
};
const secrets = ["hcloud:token", "phasewise:objectStorage", "phasewise:alerts"];

async function declare(change: Record<string, string> = {}, preview = false, more: string[] = []) {
  const { program } = await import("../../infra/program.ts");
  return run(program, {
    stack: "production",
    config: { ...settings, ...change },
    secrets: [...secrets, ...more],
    preview,
  });
}

type Declared = Awaited<ReturnType<typeof declare>>;
const short = ({ type, name }: Registered) => `${type.split(":").at(-1)} ${name}`;
const one = ({ registered }: Declared, what: string): Registered => {
  const found = registered.filter((each) => each.custom && short(each) === what);
  expect(found, what).toHaveLength(1);
  return found[0]!;
};

describe("production", () => {
  let declared: Declared;
  beforeAll(async () => {
    declared = await declare();
  });

  it("declares these resources", () => {
    const cloud = declared.registered.filter((each) => each.type.startsWith("hcloud:"));
    expect(cloud.map(short).sort()).toEqual([
      "Firewall phasewise-core",
      "Network phasewise-network",
      "NetworkSubnet phasewise-network-data",
      "PlacementGroup phasewise-core",
      "PrimaryIp phasewise-core-1",
      "Server phasewise-core-1",
      "ServerNetwork phasewise-core-1-network",
      "SshKey phasewise-operator",
      "Volume phasewise-core-1-data",
      "VolumeAttachment phasewise-core-1-data",
    ]);
    const own = declared.registered.filter((each) => each.type.startsWith("phasewise-native:"));
    expect(own.map(short).sort()).toEqual([
      "Authority phasewise-authority",
      "Bucket phasewise-backups",
      "Certificate phasewise-core-1-endpoint",
      "Certificate phasewise-core-1-node",
      "Cluster phasewise-main",
      "Host phasewise-core-1",
      "KeyPair phasewise-core-1-boot",
      "KeyPair phasewise-operator",
      "Password phasewise-cache-backup-cipher",
      "Password phasewise-main-application",
      "Password phasewise-main-backup-cipher",
      "Password phasewise-main-monitor",
      "Password phasewise-main-owner",
      "Password phasewise-main-pgbouncer",
      "Password phasewise-main-readonly",
      "Password phasewise-main-replicator",
      "Password phasewise-main-rewind",
    ]);
  });

  it("names no phase in any name or type", () => {
    for (const { name, type } of declared.registered) {
      expect(`${type} ${name}`).not.toMatch(/single|managed|replicated|sharded|phase-?\d/);
    }
  });

  it("gives every resource a parent, and children names that begin with their parent's", () => {
    for (const { name, parent, type } of declared.registered) {
      if (type === "pulumi:pulumi:Stack" || type === "phasewise:index:DataLayer") continue;
      const above = parent.split("::").at(-1)!;
      expect(above, `${type} ${name}`).not.toBe("");
      expect(name.startsWith(above), `${name} under ${above}`).toBe(true);
    }
  });

  it("protects what holds data and what it hangs on, in Pulumi and at Hetzner", () => {
    const kept = declared.registered.filter((each) => each.protect).map(short);
    expect(kept.sort()).toEqual([
      "Authority phasewise-authority",
      "Bucket phasewise-backups",
      "KeyPair phasewise-operator",
      "Network phasewise-network",
      "NetworkSubnet phasewise-network-data",
      "Password phasewise-cache-backup-cipher",
      "Password phasewise-main-application",
      "Password phasewise-main-backup-cipher",
      "Password phasewise-main-monitor",
      "Password phasewise-main-owner",
      "Password phasewise-main-pgbouncer",
      "Password phasewise-main-readonly",
      "Password phasewise-main-replicator",
      "Password phasewise-main-rewind",
      "PrimaryIp phasewise-core-1",
      "Server phasewise-core-1",
      "ServerNetwork phasewise-core-1-network",
      "Volume phasewise-core-1-data",
      "VolumeAttachment phasewise-core-1-data",
    ]);
    const held = ["Network phasewise-network", "PrimaryIp phasewise-core-1", "Volume phasewise-core-1-data"];
    for (const what of held) expect(one(declared, what).inputs.deleteProtection, what).toBe(true);
    expect(one(declared, "Server phasewise-core-1").inputs).toMatchObject({
      deleteProtection: true,
      rebuildProtection: true,
    });
    expect(one(declared, "Bucket phasewise-backups").inputs).toMatchObject({
      forceDestroy: false,
      keepOnDelete: true,
      versioning: true,
      lifecycle: [
        { id: "deleted-objects", noncurrentDays: 14, removeMarkers: true },
        { id: "unfinished-uploads", abortDays: 7 },
      ],
    });
  });

  it("never replaces a server for what is read at its first boot only", () => {
    expect(one(declared, "Server phasewise-core-1").ignoreChanges).toEqual([
      "userData",
      "sshKeys",
      "image",
      "publicNets",
    ]);
  });

  it("deletes first what the API refuses to have twice", () => {
    const first = declared.registered.filter((each) => each.deleteBeforeReplace).map(short);
    expect(first.sort()).toEqual([
      "NetworkSubnet phasewise-network-data",
      "PrimaryIp phasewise-core-1",
      "ServerNetwork phasewise-core-1-network",
      "SshKey phasewise-operator",
      "VolumeAttachment phasewise-core-1-data",
    ]);
  });

  it("labels everything that has labels with its stack and its name", () => {
    const plain = ["NetworkSubnet", "ServerNetwork", "VolumeAttachment"];
    for (const each of declared.registered.filter(({ type }) => type.startsWith("hcloud:"))) {
      if (plain.some((type) => short(each).startsWith(`${type} `))) continue;
      expect(each.inputs.labels, short(each)).toEqual({
        "phasewise-project": "phasewise",
        "phasewise-stack": "production",
        "phasewise-name": each.name,
      });
    }
  });

  it("gives the server an address of its own, a firewall from the first boot on, and a fixed private address", () => {
    expect(one(declared, "PrimaryIp phasewise-core-1").inputs).toMatchObject({
      type: "ipv4",
      autoDelete: false,
      location: "fsn1",
      name: "phasewise-production-core-1",
    });
    const { inputs } = one(declared, "Server phasewise-core-1");
    expect(inputs).toMatchObject({
      name: "phasewise-production-core-1",
      serverType: "cpx22",
      image: "debian-13",
      location: "fsn1",
      keepDisk: true,
      publicNets: [{ ipv4Enabled: true, ipv6Enabled: false, ipv4: expect.any(Number) }],
      firewallIds: [expect.any(Number)],
      placementGroupId: expect.any(Number),
    });
    expect(inputs).not.toHaveProperty("networks");
    expect(one(declared, "ServerNetwork phasewise-core-1-network").inputs.ip).toBe("10.0.1.11");
    expect(one(declared, "Volume phasewise-core-1-data").inputs).toMatchObject({
      size: 20,
      location: "fsn1",
    });
  });

  it("makes nothing at Hetzner before the bucket: wrong S3 keys leave nothing behind", () => {
    const made = declared.registered.filter(({ type }) => type.startsWith("hcloud:"));
    const behind = new Set(["phasewise-native:index:Bucket phasewise-backups"]);
    const nameOf = (urn: string) => urn.split("::").slice(2).join(" ").split("$").at(-1)!;
    // Declared in an order in which what is depended on comes first.
    const early = made.filter((each) => {
      const late = each.dependencies.some((urn) => behind.has(nameOf(urn)));
      if (late) behind.add(`${each.type} ${each.name}`);
      return !late;
    });
    expect(early.map(({ name }) => name)).toEqual([]);
  });

  it("makes buckets before servers, attachments before hosts, hosts before their cluster", () => {
    const dependencies = (what: string) =>
      one(declared, what).dependencies.map((urn) => urn.split("::").slice(2).join(" ").split("$").at(-1));
    expect(dependencies("VolumeAttachment phasewise-core-1-data")).toContain(
      "hcloud:index/serverNetwork:ServerNetwork phasewise-core-1-network",
    );
    expect(dependencies("Host phasewise-core-1")).toEqual(
      expect.arrayContaining([
        "hcloud:index/serverNetwork:ServerNetwork phasewise-core-1-network",
        "hcloud:index/volumeAttachment:VolumeAttachment phasewise-core-1-data",
      ]),
    );
    expect(dependencies("Server phasewise-core-1")).toContain(
      "phasewise-native:index:Bucket phasewise-backups",
    );
    expect(dependencies("Cluster phasewise-main")).toEqual(
      expect.arrayContaining(["phasewise-native:index:Host phasewise-core-1"]),
    );
  });

  it("has no secret that can be read in any resource's inputs", () => {
    const readable = declared.registered.map((each) => JSON.stringify(withoutSecrets(each.inputs)));
    expect(JSON.stringify(declared.registered)).toContain(marker);
    expect(readable.filter((inputs) => inputs.includes(marker))).toEqual([]);
  });

  it("mounts the volume by its id", () => {
    const { manifest } = one(declared, "Host phasewise-core-1").inputs as { manifest: { mounts: unknown[] } };
    expect(manifest.mounts).toEqual([
      {
        device: expect.stringMatching(/^\/dev\/disk\/by-id\/scsi-0HC_Volume_\d+$/),
        path: "/data",
        filesystem: "xfs",
        options: ["noatime", "discard"],
      },
    ]);
  });

  it("issues certificates for every address", () => {
    expect(one(declared, "Certificate phasewise-core-1-endpoint").inputs).toMatchObject({
      commonName: "core-1",
      dnsNames: ["core-1", "localhost"],
      ipAddresses: ["192.0.2.10", "10.0.1.11", "127.0.0.1"],
      usages: ["server"],
    });
    expect(one(declared, "Certificate phasewise-core-1-node").inputs).toMatchObject({
      commonName: "core-1",
      dnsNames: ["core-1", "localhost"],
      ipAddresses: ["10.0.1.11", "127.0.0.1"],
      usages: ["server", "client"],
    });
  });

  it("tells applications how to connect, and keeps the password secret", async () => {
    const { result } = declared;
    expect(await resolved(result.DATABASE_URL)).toMatchObject({
      value: `postgresql://app:${marker}-phasewise-main-application@192.0.2.10:6432/app?sslmode=verify-full`,
      secret: true,
    });
    expect(await resolved(result.databaseUrl)).toMatchObject({
      value: "postgresql://app@192.0.2.10:6432/app?sslmode=verify-full",
      secret: false,
    });
    expect(await resolved(result.DB_HOST)).toMatchObject({ value: "192.0.2.10", secret: false });
    expect(await resolved(result.DB_READ_HOST)).toMatchObject({ value: "192.0.2.10", secret: false });
    expect(result.DB_PORT).toBe(6432);
    expect(await resolved(result.caCertificate)).toMatchObject({
      value: "certificate of phasewise-authority",
      secret: false,
    });
  });

  it("describes itself in a secret topology that its schema accepts, and plainly for comparison", async () => {
    const topology = await resolved(declared.result.topology);
    expect(topology.secret).toBe(true);
    const parsed = topologySchema.parse(topology.value);
    expect(parsed.machines[0]).toMatchObject({
      name: "core-1",
      publicAddress: "192.0.2.10",
      hostKey: "ssh-ed25519 pinned",
      volumes: [{ path: "/data", sizeGb: 20 }],
    });
    expect(parsed.clusters[0]?.roles.owner).toEqual({
      name: "app_owner",
      password: `${marker}-phasewise-main-owner`,
    });
    expect(declared.result.deployed).toEqual({
      stack: "production",
      phase: 1,
      location: "fsn1",
      serverType: "cpx22",
      volumeGb: 20,
      database: "app",
      postgresVersion: 17,
      bucket: { endpoint: "https://fsn1.your-objectstorage.com", name: "acme-production-backups" },
    });
  });
});

describe("a stack without deletion protection", () => {
  it("protects nothing, and its bucket goes with what is in it only when that is asked for", async () => {
    const kept = await declare({ "phasewise:deletionProtection": "false" });
    expect(one(kept, "Bucket phasewise-backups").inputs).toMatchObject({
      forceDestroy: false,
      keepOnDelete: true,
    });
    const declared = await declare({
      "phasewise:deletionProtection": "false",
      "phasewise:backup": '{"keepOnDestroy":false}',
    });
    expect(declared.registered.filter((each) => each.protect)).toEqual([]);
    for (const { inputs } of declared.registered) expect(inputs.deleteProtection ?? false).toBe(false);
    expect(one(declared, "Bucket phasewise-backups").inputs).toMatchObject({
      forceDestroy: true,
      keepOnDelete: false,
    });
  });
});

describe("a stack with a domain", () => {
  it("is reached by its name, which the certificate carries", async () => {
    const declared = await declare({ "phasewise:endpoint": '{"domain":"db.example.com"}' });
    expect(one(declared, "Certificate phasewise-core-1-endpoint").inputs).toMatchObject({
      commonName: "db.example.com",
      dnsNames: ["db.example.com", "core-1", "localhost"],
    });
    expect(await resolved(declared.result.dnsRecords)).toMatchObject({
      value: ["db.example.com A 192.0.2.10"],
    });
    expect(await resolved(declared.result.databaseUrl)).toMatchObject({
      value: "postgresql://app@db.example.com:6432/app?sslmode=verify-full",
    });
  });
});

describe("a stack with Redis", () => {
  let declared: Declared;
  beforeAll(async () => {
    declared = await declare({ "phasewise:redis": '{"enabled":true,"memoryMb":128}' });
  });

  it("gives its machine the role and the passwords, which can be made anew", () => {
    const { manifest } = one(declared, "Host phasewise-core-1").inputs as {
      manifest: { roles: { name: string }[] };
    };
    expect(manifest.roles.map((role) => role.name)).toEqual(
      expect.arrayContaining(["redis", "redis-backup"]),
    );
    const passwords = declared.registered.filter(({ name }) => name.startsWith("phasewise-cache-"));
    expect(passwords.map(short).sort()).toEqual([
      "Password phasewise-cache-admin",
      "Password phasewise-cache-application",
      "Password phasewise-cache-backup",
      "Password phasewise-cache-backup-cipher",
      "Password phasewise-cache-monitor",
      "Password phasewise-cache-peer",
      "Password phasewise-cache-sentinel",
    ]);
    // Without its key every backup is unreadable.
    expect(passwords.filter((each) => each.protect).map(short)).toEqual([
      "Password phasewise-cache-backup-cipher",
    ]);
  });

  it("tells applications how to connect, and keeps the password secret", async () => {
    expect(await resolved(declared.result.REDIS_URL!)).toMatchObject({
      value: `rediss://app:${marker}-phasewise-cache-application@192.0.2.10:6379/0`,
      secret: true,
    });
    expect(await resolved(declared.result.redisUrl!)).toMatchObject({
      value: "rediss://app@192.0.2.10:6379/0",
      secret: false,
    });
    const topology = topologySchema.parse((await resolved(declared.result.topology)).value);
    expect(topology.caches).toMatchObject([
      { name: "cache", machines: ["core-1"], memoryMb: 128, endpoint: { host: "192.0.2.10", port: 6379 } },
    ]);
  });

  it("opens its port to the database's clients, at Hetzner and on the machine", () => {
    const { rules } = one(declared, "Firewall phasewise-core").inputs as { rules: { port?: string }[] };
    expect(rules).toContainEqual(
      expect.objectContaining({ port: "6379", sourceIps: ["203.0.113.16/28"], direction: "in" }),
    );
  });
});

describe("a stack with alerts", () => {
  it("tells its receivers to the machine that sends them, as secrets", async () => {
    const settings = {
      webhook: `https://hooks.example.com/${marker}`,
      email: { to: ["a@example.com"], from: "b@example.com", server: "c:587", user: "d", password: marker },
    };
    const declared = await declare({ "phasewise:alerts": JSON.stringify(settings) });
    const { inputs } = one(declared, "Host phasewise-core-1");
    const { manifest } = inputs as { manifest: { roles: { name: string }[] } };
    expect(manifest.roles.at(-1)?.name).toBe("alerts");
    expect(JSON.stringify(inputs)).toContain(settings.webhook);
    expect(JSON.stringify(withoutSecrets(inputs))).not.toContain(marker);
  });
});

describe("a first preview", () => {
  it("shows every file of the machine: only the device is not known yet", async () => {
    const declared = await declare({}, true);
    const { manifest } = one(declared, "Host phasewise-core-1").inputs as {
      manifest: { roles: { name: string }[]; mounts: { device: string; path: string }[] };
    };
    expect(manifest.roles.map((role) => role.name)).toEqual([
      "base",
      "operators",
      "tls",
      "firewall",
      "data",
      "updates",
      "etcd",
      "pgbackrest",
      "patroni",
      "read-gate",
      "haproxy",
      "pgbouncer",
      "upkeep",
      "metrics",
    ]);
    // What stands for an unknown value on the wire.
    const unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
    expect(JSON.stringify(manifest.roles)).not.toContain(unknown);
    expect(manifest.mounts).toMatchObject([{ device: unknown, path: "/data" }]);
  });
});

describe("bad settings", () => {
  it("are reported before anything is declared", async () => {
    await expect(declare({ "phasewise:phase": "7", "phasewise:volume": '{"sizeGb":5}' })).rejects.toThrow(
      "stacks/Pulumi.production.yaml has 2 faults; nothing was changed.",
    );
  });
});

describe("a stack with a second repository", () => {
  let declared: Declared;
  beforeAll(async () => {
    const secondRepository = {
      endpoint: "https://s3.example.net",
      region: "eu-1",
      bucket: "acme-2",
      accessKey: `${marker}-second-access`,
      secretKey: `${marker}-second-secret`,
    };
    declared = await declare({ "phasewise:backup": JSON.stringify({ secondRepository }) }, false, [
      "phasewise:backup",
    ]);
  });

  it("has a bucket more, with keys of its own, and may leave either of them", () => {
    const [first, second] = ["phasewise-backups", "phasewise-second-backups"].map((name) =>
      one(declared, `Bucket ${name}`),
    );
    expect(second!.inputs).toMatchObject({
      bucket: "acme-2",
      endpoint: "https://s3.example.net",
      keepOnDelete: true,
    });
    expect([first!.protect, second!.protect]).toEqual([false, false]);
    expect(JSON.stringify(second!.inputs)).toContain(`${marker}-second-access`);
    expect(JSON.stringify(first!.inputs)).not.toContain("second");
  });

  it("tells machines the keys of both, and nobody else", () => {
    const host = one(declared, "Host phasewise-core-1");
    expect(JSON.stringify(host.inputs)).toContain(`${marker}-second-secret`);
    expect(JSON.stringify(withoutSecrets(host.inputs))).not.toContain(marker);
  });
});
