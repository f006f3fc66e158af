import { ComponentResource, type ComponentResourceOptions, type Output } from "@pulumi/pulumi";
import { SECRETS } from "../roles/secrets.ts";
import { passwordSecret } from "../roles/sql/cluster.ts";
import { databaseRoles, LOOKUP_USER, MONITOR } from "../roles/sql/names.ts";
import { Password } from "./native/password.ts";

export interface CredentialsArgs {
  database: string;
  deletionProtection: boolean;
}

/**
 * The passwords of one cluster: SQL roles, replication, and the key of its backups. They are made once and stay;
 * losing the last one makes every backup unreadable.
 */
export class Credentials extends ComponentResource {
  /** By SQL role. */
  readonly owner: Output<string>;
  readonly application: Output<string>;
  readonly readonly: Output<string>;
  readonly monitor: Output<string>;
  /** The key of the backups. */
  readonly backupCipher: Output<string>;
  /** Passwords of SQL roles by the names under which they are asked for. */
  readonly sqlSecrets: Record<string, Output<string>>;
  /** What application servers need. */
  readonly applicationSecrets: Record<string, Output<string>>;
  /** What the machines of the cluster need in their files. */
  readonly machineSecrets: Record<string, Output<string>>;

  constructor(name: string, args: CredentialsArgs, options?: ComponentResourceOptions) {
    super("phasewise:postgres:Credentials", name, {}, options);
    const password = (what: string) =>
      new Password(`${name}-${what}`, {}, { parent: this, protect: args.deletionProtection }).value;
    const { owner, application, readonly } = databaseRoles(args.database);
    this.owner = password("owner");
    this.application = password("application");
    this.readonly = password("readonly");
    this.monitor = password("monitor");
    const lookup = password("pgbouncer");
    this.backupCipher = password("backup-cipher");
    this.sqlSecrets = {
      [passwordSecret(owner)]: this.owner,
      [passwordSecret(application)]: this.application,
      [passwordSecret(readonly)]: this.readonly,
      [passwordSecret(MONITOR)]: this.monitor,
      [passwordSecret(LOOKUP_USER)]: lookup,
    };
    this.machineSecrets = {
      [SECRETS.monitorPassword]: this.monitor,
      [SECRETS.pgbouncerPassword]: lookup,
      [SECRETS.replicatorPassword]: password("replicator"),
      [SECRETS.rewindPassword]: password("rewind"),
      [SECRETS.backupCipher]: this.backupCipher,
    };
    this.applicationSecrets = { [SECRETS.applicationPassword]: this.application };
    this.registerOutputs();
  }
}
