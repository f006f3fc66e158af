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
    };
    this.registerOutputs();
  }
}
