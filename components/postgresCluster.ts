import { ComponentResource, type ComponentResourceOptions, type Input, type Output } from "@pulumi/pulumi";
import { PORTS } from "../roles/paths.ts";
import { dynamicConfiguration } from "../roles/patroniConfiguration.ts";
import { pgbackrestFirstBackupStep, pgbackrestStanzaStep } from "../roles/pgbackrest.ts";
import type { PostgresParameters } from "../roles/postgresParameters.ts";
import { clusterSql } from "../roles/sql/cluster.ts";
import { nodeTls } from "../roles/tls.ts";
import type { Credentials } from "./credentials.ts";
import type { Machine } from "./machine.ts";
import { Cluster } from "./native/cluster.ts";
import type { ClusterSpec } from "./spec.ts";

export interface PostgresClusterArgs extends ClusterSpec {
  /** All settings of PostgreSQL. */
  settings: PostgresParameters;
  /** The members, with the machines that they run on. */
  machines: Machine[];
  /** OpenSSH private key of the operator. */
  privateKey: Input<string>;
  credentials: Credentials;
  /** How long making it may take, where it begins with data that has to come first. */
  patienceSeconds?: number;
}

/** What a PostgreSQL cluster has no fixed machine for: roles, databases, extensions, settings, the backups' place. */
export class PostgresCluster extends ComponentResource {
  readonly leader: Output<string>;

  constructor(name: string, args: PostgresClusterArgs, options?: ComponentResourceOptions) {
    super("phasewise:postgres:Cluster", name, {}, options);
    const { ca, certificate, key } = nodeTls("root");
    const repositories = args.backup.second === null ? 1 : 2;
    const cluster = new Cluster(
      name,
      {
        name: args.name,
        members: args.machines.map((machine) => ({
          name: machine.spec.name,
          connection: { host: machine.publicAddress, user: "root", privateKey: args.privateKey },
          hostKey: machine.hostKey,
          ...(args.joining.includes(machine.spec.name) ? { joining: true } : {}),
        })),
        patroni: { port: PORTS.patroni, ca, certificate, key },
        dynamicConfiguration: dynamicConfiguration(args.settings, args.durability),
        sql: clusterSql({ databases: [args.database], extensions: args.extensions }),
        steps: [
          pgbackrestStanzaStep({ stanza: args.name, repositories }),
          pgbackrestFirstBackupStep({ stanza: args.name, repositories }),
        ],
        secrets: args.credentials.sqlSecrets,
      },
      {
        parent: this,
        ...(args.patienceSeconds ? { customTimeouts: { create: `${args.patienceSeconds}s` } } : {}),
      },
    );
    this.leader = cluster.leader;
    this.registerOutputs({ leader: this.leader });
  }
}
