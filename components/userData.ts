export interface FirstBoot {
  /** OpenSSH public key that may log in as root. */
  operatorKey: string;
  /** The machine's host key until the first converge replaces it. */
  hostKey: { privateKey: string; publicKey: string };
}

/**
 * The whole of cloud-init's part: who may log in, and a host key that is known beforehand, so that the very first
 * contact is verified. It is read once; everything later is the converger's. Holds a secret.
 */
export function userData({ operatorKey, hostKey }: FirstBoot): string {
  const settings = {
    disable_root: false,
    ssh_pwauth: false,
    ssh_deletekeys: true,
    ssh_keys: { ed25519_private: hostKey.privateKey, ed25519_public: hostKey.publicKey },
    users: [{ name: "root", lock_passwd: true, ssh_authorized_keys: [operatorKey] }],
    // In each boot and before any service: whoever reads this text from the metadata service has to be root.
    bootcmd: [["sh", "-c", `command -v nft >/dev/null || exit 0; printf '%s' '${metadataRules}' | nft -f -`]],
  };
  // JSON is YAML, with every text quoted.
  return `#cloud-config\n${JSON.stringify(settings)}\n`;
}

/** Naming the table first lets `delete` succeed where there is none yet. */
const metadataRules = [
  "table inet phasewise_metadata",
  "delete table inet phasewise_metadata",
  "table inet phasewise_metadata {",
  "chain output { type filter hook output priority filter; policy accept;",
  "ip daddr 169.254.169.254 meta skuid != 0 reject",
  "}",
  "}",
  "",
].join("\n");
