import { describe, expect, it } from "vitest";
import { ConfigError, fromStackFile, requireConfig } from "../../../infra/config.ts";
import { config, embedded, faults, production, secure } from "./settings.ts";

const phaseAllowed = "1 to 5 (1 single, 2 managed, 3 replicated, 4 sharded, 5 multi-region)";
const allSettings =
  "cloud, phase, environment, deletionProtection, location, server, volume, database, pools, redis, loadBalancer, applications, limits, metrics, alerts, endpoint, access, objectStorage, catalogues, recovery, origin, backup";

describe("the defaults", () => {
  it("are safe for production", () => {
    expect(config()).toEqual({
      cloud: "hetzner",
      phase: 1,
      environment: "production",
      deletionProtection: true,
      location: "fsn1",
      server: { type: "cpx22" },
      volume: { sizeGb: 20 },
      database: {
        name: "app",
        postgresVersion: 17,
        durability: "async",
        readLagSeconds: 5,
        replicas: 1,
        parameters: {},
        extensions: ["vector", "pg_stat_statements"],
      },
      pools: { size: 30, reserve: 15, maxClients: 1000 },
      redis: { enabled: false, memoryMb: 256, evictionPolicy: "allkeys-lru" },
      metrics: { enabled: true, peers: [] },
      loadBalancer: { type: "lb11", public: false },
      limits: {},
      applications: { count: 2 },
      endpoint: { domain: null },
      access: { operators: ["203.0.113.7/32"], database: ["203.0.113.16/28"], keys: {} },
      objectStorage: {
        endpoint: "https://fsn1.your-objectstorage.com",
        region: "fsn1",
        bucket: "acme-production-backups",
        accessKey: "encrypted",
        secretKey: "encrypted",
        caCertificate: null,
      },
      catalogues: [],
      recovery: { recipients: [] },
      backup: {
        time: "02:00",
        fullOn: "sunday",
        retentionDays: 30,
        keepDeletedDays: 14,
        queuePercent: 40,
        keepOnDestroy: true,
        secondRepository: null,
        dumps: null,
        goals: { rpoMinutes: 60, rtoMinutes: 240, drillDays: 31, disasterDrillDays: 0 },
      },
    });
  });

  it("keep a stack's backups when it is destroyed, except in dev", () => {
    expect(config({ "phasewise:environment": "dev" }).backup.keepOnDestroy).toBe(false);
    expect(config({ "phasewise:environment": "staging" }).backup.keepOnDestroy).toBe(true);
    const kept = { "phasewise:environment": "dev", "phasewise:backup": { keepOnDestroy: true } };
    expect(config(kept).backup.keepOnDestroy).toBe(true);
  });

  it("open an embedded stack to the machine that it runs on, and name its bucket after it", () => {
    const { access, objectStorage, pools } = config({}, embedded(), "dev");
    expect(access).toEqual({ operators: ["198.18.0.0/15"], database: ["198.18.0.0/15"], keys: {} });
    expect(objectStorage.bucket).toBe("phasewise-dev-backups");
    expect(pools).toEqual({ size: 5, reserve: 2, maxClients: 1000 });
  });

  it("give way to single settings of a section", () => {
    expect(config({ "phasewise:pools": { size: 40 } }).pools).toEqual({
      size: 40,
      reserve: 15,
      maxClients: 1000,
    });
  });
});

describe("a fault says where, what was found, what is allowed, what to do", () => {
  const cases: [name: string, change: Record<string, unknown>, ...expected: string[]][] = [
    [
      "a misspelt setting",
      { "phasewise:enviroment": "production" },
      `phasewise:enviroment: an unknown setting, a text | ${allSettings} | did you mean phasewise:environment?`,
    ],
    [
      "a misspelt setting in a section",
      { "phasewise:volume": { sizeGB: 10 } },
      "phasewise:volume.sizeGB: an unknown setting, a number | in phasewise:volume: sizeGb | did you mean phasewise:volume.sizeGb?",
    ],
    [
      "a setting at the wrong depth",
      { "phasewise:sizeGb": 10 },
      `phasewise:sizeGb: an unknown setting, a number | ${allSettings} | did you mean phasewise:volume.sizeGb?`,
    ],
    [
      "an invented setting",
      { "phasewise:turbo": true },
      `phasewise:turbo: an unknown setting, a boolean | ${allSettings} | remove it`,
    ],
    [
      "a misspelt namespace",
      { "phasewize:phase": 1 },
      "phasewize:phase: a setting of the unknown package phasewize | settings of phasewise, hcloud, pulumi | did you mean phasewise:phase?",
    ],
    [
      "no phase",
      { "phasewise:phase": undefined },
      `phasewise:phase: nothing | ${phaseAllowed} | start with 1`,
    ],
    [
      "a phase that does not exist",
      { "phasewise:phase": 6 },
      `phasewise:phase: 6 | ${phaseAllowed} | start with 1`,
    ],
    [
      "a phase that this version cannot build",
      { "phasewise:phase": 4 },
      "phasewise:phase: 4 (sharded) | what this version of Phasewise can build: 1, 2 or 3 | set it to 3, or update Phasewise if a newer version has phase 4",
    ],
    [
      "a number in quotation marks",
      { "phasewise:volume": { sizeGb: "20" } },
      'phasewise:volume.sizeGb: "20" | a whole number from 10 to 10240 (GB) | write the number without quotation marks',
    ],
    [
      "a value where a section belongs",
      { "phasewise:volume": 20 },
      "phasewise:volume: 20 | a section with sizeGb | write its settings indented under it: sizeGb",
    ],
    [
      "a volume under 10 GB",
      { "phasewise:volume": { sizeGb: 5 } },
      "phasewise:volume.sizeGb: 5 | a whole number from 10 to 10240 (GB) | set it to 10 or more: Hetzner sells volumes of 10 to 10240 GB",
    ],
    [
      "an unknown location",
      { "phasewise:location": "fsn" },
      'phasewise:location: "fsn" | fsn1, nbg1, hel1, ash, hil or sin | did you mean fsn1?',
    ],
    [
      "a server type that is sold elsewhere only",
      { "phasewise:server": { type: "cpx21" } },
      'phasewise:server.type: "cpx21", which is not sold in fsn1 | in fsn1: cpx12, cx23, cpx22, cax11, ccx13, cx33, cpx32, cax21, ccx23, cx43, cpx42, cax31, cpx52, ccx33, cx53, cpx62, cax41, ccx43, ccx53, ccx63 | take cpx22 (2 cores, 4 GB), or another location: cpx21 is sold in ash or hil',
    ],
    [
      "a location without object storage",
      { "phasewise:location": "ash", "phasewise:server": { type: "cpx21" } },
      "phasewise:objectStorage.endpoint: nothing, and Hetzner has no object storage in ash | any S3 endpoint; Hetzner's are in fsn1, nbg1 or hel1 | write https://fsn1.your-objectstorage.com and region: fsn1, or choose a location of these",
    ],
    [
      "nobody who may come in",
      { "phasewise:access": undefined },
      'phasewise:access.operators: nothing | the IPv4 ranges that operators and CI come from; SSH is open to these alone | write your own address (curl -4 https://ifconfig.me shows it), as ["203.0.113.7/32"]',
      'phasewise:access.database: nothing | the IPv4 ranges that applications come from; the database\'s port is open to these alone | write the addresses of your applications, as ["203.0.113.16/28"], or [] for private addresses only',
    ],
    [
      "no operator",
      { "phasewise:access": { operators: [], database: [] } },
      'phasewise:access.operators: an empty list | the IPv4 ranges that operators and CI come from; SSH is open to these alone | write your own address (curl -4 https://ifconfig.me shows it), as ["203.0.113.7/32"]',
    ],
    [
      "no object storage",
      { "phasewise:objectStorage": undefined },
      "phasewise:objectStorage: nothing | the S3 credentials for backups, and the bucket's name | make S3 credentials in Hetzner's console, then npx pulumi config set --secret --path phasewise:objectStorage.accessKey and npx pulumi config set --secret --path phasewise:objectStorage.secretKey",
    ],
    [
      "half of an object storage",
      { "phasewise:objectStorage": { bucket: "acme", accessKey: secure } },
      "phasewise:objectStorage.secretKey: nothing | letters, digits and . _ ~ + / = -, as object storages make them | npx pulumi config set --secret --path phasewise:objectStorage.secretKey (it asks for the value)",
    ],
    [
      "a bucket without a name",
      { "phasewise:objectStorage": { accessKey: secure, secretKey: secure } },
      "phasewise:objectStorage.bucket: nothing | 3 to 63 small letters, digits and hyphens, different from all buckets of all of Hetzner's customers | choose a name, as acme-production-backups",
    ],
    [
      "object storage in clear",
      {
        "phasewise:objectStorage": {
          bucket: "acme",
          endpoint: "http://storage.example.com",
          accessKey: secure,
          secretKey: secure,
        },
      },
      'phasewise:objectStorage.endpoint: "http://storage.example.com" | an address that starts with https://, without a path | use https: backups never travel in clear',
    ],
    [
      "a reserved parameter",
      { "phasewise:database": { parameters: { fsync: false, work_mem: "16MB" } } },
      "phasewise:database.parameters.fsync: false | every parameter but the reserved ones: without it a power failure destroys the data | remove it",
    ],
    [
      "fewer connections than the pools need",
      { "phasewise:database": { parameters: { max_connections: 50 } } },
      "phasewise:database.parameters.max_connections: 50 | 80 or more: what PgBouncer's pools and the upkeep need | remove it, as it follows from pools.size and pools.reserve, or make the pools smaller",
    ],
    [
      "a setting that is encrypted without need",
      { "phasewise:volume": { sizeGb: secure } },
      "phasewise:volume.sizeGb: an encrypted value | a whole number from 10 to 10240 (GB) | write it in clear; only alerts.webhook, alerts.slack, alerts.email.password, alerts.heartbeat, objectStorage.accessKey, objectStorage.secretKey, backup.secondRepository.accessKey and backup.secondRepository.secretKey are secrets",
    ],
    [
      "a section that is encrypted as a whole",
      { "phasewise:objectStorage": secure },
      "phasewise:objectStorage: an encrypted value | a section with endpoint, region, bucket, accessKey, secretKey, caCertificate | write it in clear; only alerts.webhook, alerts.slack, alerts.email.password, alerts.heartbeat, objectStorage.accessKey, objectStorage.secretKey, backup.secondRepository.accessKey and backup.secondRepository.secretKey are secrets",
    ],
    [
      "a time that is none",
      { "phasewise:backup": { time: "2:00", fullOn: "sonday", retentionDays: 0 } },
      'phasewise:backup.time: "2:00" | a time of day in UTC, as 02:00 | write hours and minutes, as "02:00"',
      'phasewise:backup.fullOn: "sonday" | monday, tuesday, wednesday, thursday, friday, saturday or sunday | did you mean sunday?',
      "phasewise:backup.retentionDays: 0 | a whole number from 1 to 3650 (days) | set it to 1 or more",
    ],
    [
      "a catalogue that is neither a name nor a file",
      { "phasewise:catalogues": ["fastbots", "Our Own", "./ours.yaml"] },
      'phasewise:catalogues[1]: "Our Own" | the name of a built-in catalogue, or a path that ends in .yaml, relative to the project | write a name, as fastbots, or a path, as ./catalogues/ours.yaml',
    ],
    [
      "a domain with a scheme",
      { "phasewise:endpoint": { domain: "https://db.example.com/" } },
      'phasewise:endpoint.domain: "https://db.example.com/" | a name in the DNS, as db.example.com | write the name alone, without a scheme or path',
    ],
  ];
  it.each(cases)("%s", (_, change, ...expected) => {
    expect(faults(change)).toEqual(expected);
  });

  it("an unknown server type", () => {
    const [fault, ...others] = faults({ "phasewise:server": { type: "cpx2" } });
    expect(others).toEqual([]);
    expect(fault).toMatch(
      /^phasewise:server\.type: "cpx2" \| a server type: cx23, .*, ccx63 \| did you mean cpx\d2\?$/,
    );
    expect(faults({ "phasewise:server": { type: "m5.large" } })[0]).toMatch(
      /\| choose one that can be ordered; GET \/v1\/server_types, or hcloud server-type list, shows them$/,
    );
  });

  it("an ARM machine on the embedded cloud", () => {
    expect(faults({ "phasewise:server": { type: "cax11" } }, embedded(), "dev")).toEqual([
      'phasewise:server.type: "cax11", an ARM machine | x86 types: the embedded cloud runs on this machine\'s processor | take cpx22',
    ]);
  });

  it("a stack whose name cannot be a server's", () => {
    expect(faults({}, production(), "My_Stack")).toEqual([
      'the stack\'s name: "My_Stack" | small letters, digits and hyphens, the first a letter, at most 31: servers are named after it | rename its file and the stack: npx pulumi stack rename <name>',
    ]);
  });

  it("a file whose settings are no settings", () => {
    expect(fromStackFile("stacks/Pulumi.dev.yaml", ["phase"]).faults).toEqual([
      {
        path: "config",
        found: '["phase"]',
        allowed: "settings",
        fix: "write the settings under config:, one phasewise:<setting> a line",
      },
    ]);
  });
});

describe("addresses", () => {
  const range = "a range of IPv4 addresses, as 203.0.113.0/24";
  const cases: [unknown, string][] = [
    ["203.0.113.7", '"203.0.113.7" | did you mean 203.0.113.7/32?'],
    [
      "203.0.113.7/24",
      '"203.0.113.7/24" | did you mean 203.0.113.0/24? The address must be the first of its range',
    ],
    ["::/0", '"::/0" | use the IPv4 range: the machines have no public IPv6 address'],
    [
      "office",
      '"office" | write an address, a slash and a number from 0 to 32, as 203.0.113.7/32 for one address',
    ],
    [203.0, '203 | write it in quotation marks, as "203.0.113.7/32"'],
  ];
  it.each(cases)("%s", (value, expected) => {
    const [found, fix] = expected.split(" | ");
    expect(faults({ "phasewise:access": { operators: [value], database: ["0.0.0.0/0"] } })).toEqual([
      `phasewise:access.operators[0]: ${found} | ${range} | ${fix}`,
    ]);
  });
});

describe("the database", () => {
  const allowed =
    "small letters, digits and underscores, the first a letter, at most 41, and no name that PostgreSQL or Phasewise uses";
  it.each([
    ["My-App", '"My-App"', "did you mean my_app?"],
    ["postgres", '"postgres"', "postgres has a meaning of its own: choose another"],
    ["pg_data", '"pg_data"', "pg_data has a meaning of its own: choose another"],
    ["123", '"123"', "choose a name, as app"],
  ])("cannot be named %s", (name, found, fix) => {
    expect(faults({ "phasewise:database": { name } })).toEqual([
      `phasewise:database.name: ${found} | ${allowed} | ${fix}`,
    ]);
  });

  it("has the extensions that are installed, and pgvector is called vector", () => {
    expect(faults({ "phasewise:database": { extensions: ["pgvector", "vektor", "timescaledb"] } })).toEqual(
      ["pgvector", "vektor", "timescaledb"].map(
        (name, index) =>
          `phasewise:database.extensions[${index}]: "${name}" | an extension that Debian's postgresql-17 or pgvector brings | ${
            [
              "did you mean vector? The extension of pgvector is called so",
              "did you mean vector?",
              "leave it out",
            ][index]
          }`,
      ),
    );
  });

  it("is of the version that is installed", () => {
    expect(faults({ "phasewise:database": { postgresVersion: 16 } })).toEqual([
      "phasewise:database.postgresVersion: 16 | 17 | write 17, the version that is installed",
    ]);
  });
});

describe("all faults are reported at once", () => {
  it("whatever they are about", () => {
    const all = faults({
      "phasewise:phase": "one",
      "phasewise:volume": { sizeGb: 5 },
      "phasewise:location": "moon",
      "phasewise:deletionProtection": "yes",
      "phasewise:turbo": 1,
      "phasewise:database": { parameters: { archive_mode: "off" }, name: "app" },
      "phasewise:access": { operators: ["x"], database: [] },
    });
    expect(all.map((line) => line.split(": ")[0])).toEqual([
      "phasewise:turbo",
      "phasewise:phase",
      "phasewise:deletionProtection",
      "phasewise:location",
      "phasewise:volume.sizeGb",
      "phasewise:access.operators[0]",
      "phasewise:database.parameters.archive_mode",
    ]);
  });

  it("in a message that says that nothing was changed", () => {
    const source = fromStackFile("stacks/Pulumi.production.yaml", {
      ...production(),
      "phasewise:phase": 6,
      "phasewise:volume": { sizeGb: 5 },
    });
    let error: unknown;
    try {
      requireConfig(source, "production");
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as Error).message).toBe(
      [
        "stacks/Pulumi.production.yaml has 2 faults; nothing was changed.",
        "",
        "  phasewise:phase",
        "    found    6",
        `    allowed  ${phaseAllowed}`,
        "    fix      start with 1",
        "",
        "  phasewise:volume.sizeGb",
        "    found    5",
        "    allowed  a whole number from 10 to 10240 (GB)",
        "    fix      set it to 10 or more: Hetzner sells volumes of 10 to 10240 GB",
      ].join("\n"),
    );
  });
});
