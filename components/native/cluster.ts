import { CustomResource, type CustomResourceOptions, type Input, type Output, secret } from "@pulumi/pulumi";
import type { Step } from "../../roles/manifest.ts";
import type { ClusterSql } from "../../roles/sql/types.ts";
import type { ConnectionArgs } from "./host.ts";

export interface ClusterMemberArgs {
  /** As Patroni knows it: the machine's name. */
  name: Input<string>;
  connection: Input<ConnectionArgs>;
  /** Pinned host key: the Host's output `hostKey`. */
  hostKey: Input<string>;
  /** It enters a cluster that runs already: nothing waits for it. */
  joining?: Input<boolean>;
}

/** How root on a member speaks to Patroni there: its port, and paths of PEM files on the machine. */
export interface PatroniAccessArgs {
  port?: Input<number>;
  ca?: Input<string>;
  certificate?: Input<string>;
  key?: Input<string>;
}

export interface ClusterArgs {
  /** Patroni's scope. */
  name: Input<string>;
  members: Input<Input<ClusterMemberArgs>[]>;
  patroni?: Input<PatroniAccessArgs>;
  /** All that Patroni keeps for the whole cluster (ttl, loop_wait, postgresql.parameters, ...). */
  dynamicConfiguration: Input<Record<string, unknown>>;
  sql: Input<ClusterSql>;
  /** Run on the leader's machine once PostgreSQL is up there, in this order. */
  steps?: Input<Step[]>;
  /** Passwords of SQL roles by the names that they are asked for by; kept as secrets. */
  secrets?: Input<Record<string, Input<string>>>;
  /** For all of it; 300 if left out. */
  deadlineSeconds?: Input<number>;
}

export interface PendingParameters {
  member: string;
  parameters: string[];
}

/**
 * A PostgreSQL cluster under Patroni: what has no fixed machine and goes through the leader, whoever that is.
 * Deleting it leaves the databases as they are; what a declaration leaves out is not dropped.
 */
export class Cluster extends CustomResource {
  /** Name of the member that leads. */
  declare readonly leader: Output<string>;
  declare readonly timeline: Output<number>;
  declare readonly systemIdentifier: Output<string>;
  /** As "17.6". */
  declare readonly postgresVersion: Output<string>;
  /** Settings that a restart has to bring in: `rollout` does it, one member at a time. */
  declare readonly pendingRestarts: Output<PendingParameters[]>;

  constructor(name: string, args: ClusterArgs, options?: CustomResourceOptions) {
    const outputs = {
      leader: undefined,
      timeline: undefined,
      systemIdentifier: undefined,
      postgresVersion: undefined,
      pendingRestarts: undefined,
    };
    const inputs = { ...args, secrets: secret(args.secrets ?? {}) };
    super("phasewise-native:index:Cluster", name, { ...inputs, ...outputs }, options);
  }
}
