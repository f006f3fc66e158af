import {
  CustomResource,
  type CustomResourceOptions,
  type Input,
  mergeOptions,
  type Output,
  secret,
} from "@pulumi/pulumi";

export interface CertificateArgs {
  /** Of the Authority that issues it. */
  authorityCertificate: Input<string>;
  /** Of the same Authority; kept as a secret. */
  authorityPrivateKey: Input<string>;
  commonName: Input<string>;
  dnsNames?: Input<Input<string>[]>;
  /** Without a prefix length. */
  ipAddresses?: Input<Input<string>[]>;
  usages: Input<Input<"server" | "client">[]>;
  /** 17,520 (two years) if left out; never longer than the authority. */
  validityHours?: Input<number>;
  /** An update renews it when fewer hours are left: 4,380 (half a year) if left out. */
  renewBeforeHours?: Input<number>;
}

/** A certificate for TLS (ECDSA, P-256). It is renewed in place and keeps its private key. */
export class Certificate extends CustomResource {
  /** PEM. */
  declare readonly certificate: Output<string>;
  /** PEM, PKCS #8. Secret. */
  declare readonly privateKey: Output<string>;
  /** As 2028-11-20T07:00:00.000Z. */
  declare readonly notAfter: Output<string>;

  constructor(name: string, args: CertificateArgs, options?: CustomResourceOptions) {
    const inputs = { ...args, authorityPrivateKey: secret(args.authorityPrivateKey) };
    const outputs = { certificate: undefined, privateKey: undefined, notAfter: undefined };
    const secrets = mergeOptions(options, { additionalSecretOutputs: ["privateKey"] });
    super("phasewise-native:index:Certificate", name, { ...inputs, ...outputs }, secrets);
  }
}
