import {
  CustomResource,
  type CustomResourceOptions,
  type Input,
  mergeOptions,
  type Output,
} from "@pulumi/pulumi";

export interface PasswordArgs {
  /** In characters; 32 if left out. */
  length?: Input<number>;
  /** The characters to choose from: letters and digits if left out; `.`, `_`, `~` and `-` are allowed too. */
  alphabet?: Input<string>;
  /** Any other value here makes another password. */
  keepers?: Input<Record<string, Input<string>>>;
}

/** A password made by chance, safe in URLs. */
export class Password extends CustomResource {
  /** Secret. */
  declare readonly value: Output<string>;

  constructor(name: string, args: PasswordArgs = {}, options?: CustomResourceOptions) {
    const secrets = mergeOptions(options, { additionalSecretOutputs: ["value"] });
    super("phasewise-native:index:Password", name, { ...args, value: undefined }, secrets);
  }
}
