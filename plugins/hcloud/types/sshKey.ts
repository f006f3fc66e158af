import { collection, unlessGone } from "../parts/collection.ts";
import { frameworkLabels } from "../parts/fields.ts";
import { type HcloudType, string, type Values } from "../schema.ts";

interface ApiSshKey {
  id: number;
  name: string;
  fingerprint: string;
  public_key: string;
  labels: Record<string, string>;
}

const sshKeys = collection<ApiSshKey>("/ssh_keys", "ssh_key");

function values(key: ApiSshKey): Values {
  return { name: key.name, publicKey: key.public_key, fingerprint: key.fingerprint, labels: key.labels };
}

export default {
  token: "hcloud:index/sshKey:SshKey",
  flavour: "framework",
  fields: {
    name: string({ required: true, autoName: true }),
    publicKey: string({ required: true, replaces: true }),
    labels: frameworkLabels,
    fingerprint: string({ output: true, computed: true }),
  },
  async create(op) {
    const { name, publicKey, labels } = op.values;
    const body = { name, public_key: publicKey, labels };
    const { ssh_key } = await op.api.post<{ ssh_key: ApiSshKey }>("/ssh_keys", body);
    op.made(ssh_key.id);
    return values(ssh_key);
  },
  async read(op) {
    const found = await sshKeys.get(op);
    return found === null ? null : { values: values(found) };
  },
  async update(op) {
    return values(
      await sshKeys.put(op, {
        ...(op.changes("name") && { name: op.values.name }),
        ...(op.changes("labels") && { labels: op.values.labels }),
      }),
    );
  },
  delete: async (op) => await unlessGone(() => sshKeys.delete(op)),
} satisfies HcloudType;
