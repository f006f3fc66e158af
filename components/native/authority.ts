import {
  CustomResource,
  type CustomResourceOptions,
  type Input,
  mergeOptions,
  type Output,
} from "@pulumi/pulumi";

export interface AuthorityArgs {
  commonName: Input<string>;
  /** 87,600 (ten years) if left out. */
  validityHours?: Input<number>;
  /** An update renews it when fewer hours are left: 26,280 (three years) if left out. */
  renewBeforeHours?: Input<number>;
}

/** A certificate authority (ECDSA, P-256). Renewed, it keeps its name and key. */
export class Authority extends CustomResource {
  /** PEM. */
  declare readonly certificate: Output<string>;
  /** PEM, PKCS #8. Secret. */
  declare readonly privateKey: Output<string>;
  /** As 2036-11-18T07:00:00.000Z. */
  declare readonly notAfter: Output<string>;

  constructor(name: string, args: AuthorityArgs, options?: CustomResourceOptions) {
    const outputs = { certificate: undefined, privateKey: undefined, notAfter: undefined };
    const secrets = mergeOptions(options, { additionalSecretOutputs: ["privateKey"] });
    super("phasewise-native:index:Authority", name, { ...args, ...outputs }, secrets);
  }
}
