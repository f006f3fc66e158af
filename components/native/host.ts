import { CustomResource, type CustomResourceOptions, type Input, type Output, secret } from "@pulumi/pulumi";
import type { Manifest, Mount } from "../../roles/manifest.ts";

/** How a resource reaches a machine: SSH, with the operator's key. */
export interface ConnectionArgs {
  /** An address or a name. */
  host: Input<string>;
  /** 22 if left out. */
  port?: Input<number>;
  /** "root" if left out. */
  user?: Input<string>;
  /** OpenSSH private key; kept as a secret. */
  privateKey: Input<string>;
}

export interface HostArgs {
  connection: Input<ConnectionArgs>;
  /** OpenSSH public key that the machine has from its first boot: trusted for the very first contact only. */
  bootstrapHostKey: Input<string>;
  /** Identity of the machine (the server's id): another one makes a new Host, which starts from first contact. */
  machineId?: Input<string>;
  /** What the machine must look like. Texts that are secret belong into `secrets`, with a placeholder here. */
  manifest: Input<ManifestArgs>;
  /** Values of the manifest's placeholders by name; kept as secrets. */
  secrets?: Input<Record<string, Input<string>>>;
  /** For one converge; 900 if left out. */
  deadlineSeconds?: Input<number>;
}

/** A manifest whose devices may be known late, as the id of a volume is: everything else can be previewed. */
export interface ManifestArgs extends Omit<Manifest, "mounts"> {
  mounts: (Omit<Mount, "device"> & { device: Input<string> })[];
}

/** A unit that runs with an older configuration. */
export interface PendingUnit {
  unit: string;
  reason: string;
}

export interface HostFacts {
  memoryBytes: number;
  cores: number;
  debianVersion: string;
  kernel: string;
  machineId: string;
}

/** One machine, brought to its manifest. Deleting it leaves the machine as it is. */
export class Host extends CustomResource {
  /** OpenSSH public key that the machine presents from now on. */
  declare readonly hostKey: Output<string>;
  /** Restarts that `rollout` has to do. */
  declare readonly pending: Output<PendingUnit[]>;
  declare readonly facts: Output<HostFacts>;

  constructor(name: string, args: HostArgs, options?: CustomResourceOptions) {
    const outputs = { hostKey: undefined, pending: undefined, facts: undefined };
    const inputs = { ...args, secrets: secret(args.secrets ?? {}) };
    super("phasewise-native:index:Host", name, { ...inputs, ...outputs }, options);
  }
}
