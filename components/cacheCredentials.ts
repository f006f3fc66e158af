import { ComponentResource, type ComponentResourceOptions, type Output } from "@pulumi/pulumi";
import { SECRETS } from "../roles/secrets.ts";
import { Password } from "./native/password.ts";

/** The passwords of one cache's users. Made anew, they cost its clients a new URL, and no data. */
export class CacheCredentials extends ComponentResource {
  readonly application: Output<string>;
  /** What the machines of the cache need in their files. */
  readonly machineSecrets: Record<string, Output<string>>;

  constructor(name: string, options?: ComponentResourceOptions) {
    super("phasewise:redis:Credentials", name, {}, options);
    const password = (what: string) => new Password(`${name}-${what}`, {}, { parent: this }).value;
    this.application = password("application");
    this.machineSecrets = {
      [SECRETS.redisPassword]: this.application,
      [SECRETS.redisAdminPassword]: password("admin"),
      [SECRETS.redisMonitorPassword]: password("monitor"),
      [SECRETS.redisPeerPassword]: password("peer"),
      [SECRETS.redisBackupPassword]: password("backup"),
      [SECRETS.redisSentinelPassword]: password("sentinel"),
    };
    this.registerOutputs();
  }
}

/** The passwords of the Sentinels' users. */
export class SentinelCredentials extends ComponentResource {
  /** With which clients ask who the primary is. */
  readonly client: Output<string>;
  /** What Sentinels and gateways need in their files. */
  readonly machineSecrets: Record<string, Output<string>>;

  constructor(name: string, options?: ComponentResourceOptions) {
    super("phasewise:redis:SentinelCredentials", name, {}, options);
    const password = (what: string) => new Password(`${name}-${what}`, {}, { parent: this }).value;
    this.client = password("client");
    this.machineSecrets = {
      [SECRETS.sentinelPassword]: this.client,
      [SECRETS.sentinelPeerPassword]: password("peer"),
      [SECRETS.sentinelAdminPassword]: password("admin"),
    };
    this.registerOutputs();
  }
}
