import { createHash, createPrivateKey, createPublicKey } from "node:crypto";

export interface SshKeyPair {
  /** PEM, "-----BEGIN OPENSSH PRIVATE KEY-----". */
  privateKey: string;
  /** "ssh-ed25519 AAAA...", with the comment if there is one. */
  publicKey: string;
}

const TYPE = "ssh-ed25519";
/** DER of a PKCS #8 ed25519 key up to its 32 byte seed (RFC 8410, section 7). */
const PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");
const LINE = 70;

/**
 * The ed25519 key pair of a seed of 32 bytes, in OpenSSH's formats (PROTOCOL.key). The same seed gives the same
 * texts: what ssh-keygen fills with random check bytes is derived here.
 */
export function ed25519FromSeed(seed: Uint8Array, comment = ""): SshKeyPair {
  if (seed.length !== 32) throw new Error(`an ed25519 seed has 32 bytes, not ${seed.length}`);
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: "der", type: "pkcs8" });
  const raw = Buffer.from(createPublicKey(key).export({ format: "jwk" }).x ?? "", "base64url");
  const blob = Buffer.concat([field(TYPE), field(raw)]);
  const check = createHash("sha256").update("check").update(seed).digest().subarray(0, 4);
  const secret = Buffer.concat([check, check, blob, field(Buffer.concat([seed, raw])), field(comment)]);
  const file = Buffer.concat([
    Buffer.from("openssh-key-v1\0"),
    field("none"),
    field("none"),
    field(""),
    uint32(1),
    field(blob),
    field(padded(secret)),
  ]);
  return { privateKey: pem(file), publicKey: [TYPE, blob.toString("base64"), comment].join(" ").trim() };
}

/** 1, 2, 3, ... up to a multiple of 8 bytes. */
function padded(data: Buffer): Buffer {
  const missing = (8 - (data.length % 8)) % 8;
  return Buffer.concat([data, Buffer.from(Array.from({ length: missing }, (_, index) => index + 1))]);
}

function field(value: string | Uint8Array): Buffer {
  const data = Buffer.from(value);
  return Buffer.concat([uint32(data.length), data]);
}

function uint32(value: number): Buffer {
  const data = Buffer.alloc(4);
  data.writeUInt32BE(value);
  return data;
}

function pem(data: Buffer): string {
  const lines = data.toString("base64").match(new RegExp(`.{1,${LINE}}`, "g")) ?? [];
  return ["-----BEGIN OPENSSH PRIVATE KEY-----", ...lines, "-----END OPENSSH PRIVATE KEY-----", ""].join(
    "\n",
  );
}
