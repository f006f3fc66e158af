import type { Topology } from "../../../infra/topology.ts";

/** What a deployed phase 1 says of itself. */
export const topology: Topology = {
  version: 1,
  project: "phasewise",
  stack: "production",
  environment: "production",
  phase: 1,
  consensus: { members: ["core-1"] },
  endpoints: {
    write: { host: "192.0.2.10", port: 6432 },
    read: { host: "192.0.2.10", port: 6432 },
    database: "app",
  },
  machines: [
    {
      name: "core-1",
      serverId: "4711",
      serverType: "cpx22",
      location: "fsn1",
      publicAddress: "192.0.2.10",
      privateAddress: "10.0.1.11",
      hostKey: "ssh-ed25519 AAAA",
      roles: ["etcd", "patroni"],
      volumes: [{ id: "1", path: "/data", sizeGb: 20 }],
    },
  ],
  clusters: [
    {
      name: "main",
      members: ["core-1"],
      gateways: ["core-1"],
      durability: "async",
      postgresVersion: 17,
      databases: ["app"],
      parameters: { shared_buffers: "1024MB" },
      extensions: ["vector"],
      roles: {
        owner: { name: "app_owner", password: "a" },
        application: { name: "app", password: "b" },
        readonly: { name: "app_readonly", password: "c" },
        monitor: { name: "monitor", password: "d" },
      },
      dumps: null,
      backupStanza: "main",
      backupCipher: "cipher",
    },
  ],
  caches: [],
  loadBalancers: [],
  buckets: [
    {
      name: "acme-production-backups",
      endpoint: "https://fsn1.your-objectstorage.com",
      region: "fsn1",
      accessKey: "e",
      secretKey: "f",
      caCertificate: null,
    },
  ],
  recovery: { recipients: [] },
  goals: { rpoMinutes: 60, rtoMinutes: 240, drillDays: 31, disasterDrillDays: 92 },
  ssh: { user: "root", privateKey: "g" },
  caCertificate: "h",
  firewall: { operators: ["203.0.113.7/32"], database: ["203.0.113.16/28"] },
};
