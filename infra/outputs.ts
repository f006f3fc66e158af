import { all, interpolate, type Output, output, secret, unsecret } from "@pulumi/pulumi";
import type { DataLayer } from "../components/dataLayer.ts";
import { project } from "../components/labels.ts";
import { clusterParameters } from "../components/machineRoles.ts";
import type { DataLayerSpec } from "../components/spec.ts";
import { PORTS } from "../roles/paths.ts";
import { databaseRoles, MONITOR } from "../roles/sql/names.ts";
import { type Deployed, deployedFrom } from "./changes.ts";
import type { Config } from "./config.ts";
import type { Topology } from "./topology.ts";

/** What a stack says of itself. */
export interface Outputs extends Record<string, unknown> {
  /** For the operator's commands; secret as a whole. */
  topology: Output<Topology>;
  /** What later settings are compared with. */
  deployed: Deployed;
  phase: number;
  /** Secret: it holds the application's password. */
  DATABASE_URL: Output<string>;
  /** The same without a password. */
  databaseUrl: Output<string>;
  DB_HOST: Output<string>;
  DB_READ_HOST: Output<string>;
  DB_PORT: number;
  /** What the name that clients connect to must say in the DNS; empty where they connect to an address. */
  dnsRecords: Output<string[]>;
  /** PEM of the authority that signed the database's certificate. */
  caCertificate: Output<string>;
}

interface Declared {
  layer: DataLayer;
  spec: DataLayerSpec;
  config: Config;
  stack: string;
}

export function outputsOf(declared: Declared): Outputs {
  const { layer, spec, config, stack } = declared;
  const [cluster] = spec.clusters;
  const [credentials] = layer.credentials;
  const gateway = layer.machines.find((machine) => cluster?.gateways.includes(machine.spec.name));
  if (!cluster || !credentials || !gateway)
    throw new Error(`${stack} has no database that clients can reach`);
  const host = spec.domain === null ? gateway.publicAddress : output(spec.domain);
  const user = databaseRoles(cluster.database).application;
  const place = interpolate`${host}:${PORTS.pgbouncer}/${cluster.database}?sslmode=verify-full`;
  return {
    topology: secret(topologyOf(declared, host)),
    deployed: deployedFrom(config, stack),
    phase: config.phase,
    DATABASE_URL: secret(interpolate`postgresql://${user}:${credentials.application}@${place}`),
    databaseUrl: interpolate`postgresql://${user}@${place}`,
    DB_HOST: host,
    DB_READ_HOST: host,
    DB_PORT: PORTS.pgbouncer,
    dnsRecords: gateway.publicAddress.apply((address) =>
      spec.domain === null ? [] : [`${spec.domain} A ${address}`],
    ),
    caCertificate: unsecret(layer.caCertificate),
  };
}

function topologyOf({ layer, spec, config, stack }: Declared, host: Output<string>): Output<Topology> {
  const { accessKey, bucket, caCertificate, endpoint, region, secretKey } = config.objectStorage;
  const write = { host, port: PORTS.pgbouncer };
  return output({
    version: 1 as const,
    project,
    stack,
    environment: config.environment,
    phase: config.phase,
    endpoints: { write, read: write, database: config.database.name },
    machines: layer.machines.map((machine) => ({
      name: machine.spec.name,
      serverId: machine.serverId,
      serverType: machine.spec.serverType,
      location: spec.location,
      publicAddress: machine.publicAddress,
      privateAddress: machine.spec.privateAddress,
      hostKey: machine.hostKey,
      roles: machine.roleNames,
      volumes: machine.volumes.map(({ id, path, sizeGb }) => ({ id, path, sizeGb })),
    })),
    clusters: all(spec.clusters.map((_, index) => clusterOf(layer, spec, index))),
    buckets: [{ name: bucket, endpoint, region, accessKey, secretKey, caCertificate }],
    ssh: { user: "root", privateKey: layer.operator.privateKey },
    caCertificate: layer.caCertificate,
    firewall: { operators: spec.access.operators, database: spec.access.database },
  });
}

function clusterOf(layer: DataLayer, spec: DataLayerSpec, index: number) {
  const cluster = spec.clusters[index]!;
  const credentials = layer.credentials[index]!;
  const { owner, application, readonly } = databaseRoles(cluster.database);
  return output({
    name: cluster.name,
    members: cluster.members,
    postgresVersion: cluster.postgresVersion,
    databases: [cluster.database],
    parameters: clusterParameters(cluster, spec),
    extensions: cluster.extensions,
    roles: {
      owner: { name: owner, password: credentials.owner },
      application: { name: application, password: credentials.application },
      readonly: { name: readonly, password: credentials.readonly },
      monitor: { name: MONITOR, password: credentials.monitor },
    },
    backupStanza: cluster.name,
  });
}
