import {
  CustomResource,
  type CustomResourceOptions,
  type Input,
  mergeOptions,
  type Output,
} from "@pulumi/pulumi";

export interface KeyPairArgs {
  /** "ed25519", the only type, if left out. */
  type?: Input<"ed25519">;
  /** At the end of the public key's line. */
  comment?: Input<string>;
}

/** An SSH key pair made by chance. */
export class KeyPair extends CustomResource {
  /** As authorized_keys has it: "ssh-ed25519 AAAA... comment". */
  declare readonly publicKey: Output<string>;
  /** In OpenSSH's format. Secret. */
  declare readonly privateKey: Output<string>;

  constructor(name: string, args: KeyPairArgs = {}, options?: CustomResourceOptions) {
    const outputs = { publicKey: undefined, privateKey: undefined };
    const secrets = mergeOptions(options, { additionalSecretOutputs: ["privateKey"] });
    super("phasewise-native:index:KeyPair", name, { ...args, ...outputs }, secrets);
  }
}
