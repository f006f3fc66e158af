import { ed25519FromSeed } from "../../clients/ssh/keys.ts";
import type { SshTarget } from "../../clients/ssh.ts";
import type { Stack } from "../e2e/stack.ts";

/** A server that is being made, with a volume; nothing but SSH runs on it. */
export interface BareMachine {
  target: SshTarget;
  /** The volume's device on it. */
  device: string;
}

/**
 * Asks the cloud for a server with a volume, calls `use` as soon as it has an address, and deletes both.
 * @param before Called right before the server is asked for.
 */
export async function withBareMachine<T>(
  stack: Stack,
  use: (machine: BareMachine) => Promise<T>,
  before: () => void = () => {},
): Promise<T> {
  const operator = ed25519FromSeed(crypto.getRandomValues(new Uint8Array(32)), "bench");
  const host = ed25519FromSeed(crypto.getRandomValues(new Uint8Array(32)), "bench");
  const { ssh_key } = await stack.api<{ ssh_key: { id: number } }>("POST", "/ssh_keys", {
    name: "bench",
    public_key: operator.publicKey,
  });
  const { volume } = await stack.api<{ volume: { id: number; linux_device: string } }>("POST", "/volumes", {
    name: "bench",
    size: 10,
    location: "fsn1",
  });
  const order = {
    name: "bench",
    server_type: "cpx22",
    image: "debian-13",
    location: "fsn1",
    ssh_keys: [ssh_key.id],
    user_data: `#cloud-config\nssh_deletekeys: true\nssh_keys:\n  ed25519_private: |\n${host.privateKey.replace(/^/gm, "    ")}\n  ed25519_public: ${host.publicKey}\n`,
    volumes: [volume.id],
  };
  before();
  const { server } = await stack.api<{ server: { id: number; public_net: { ipv4: { ip: string } } } }>(
    "POST",
    "/servers",
    order,
  );
  try {
    const target = {
      host: server.public_net.ipv4.ip,
      port: 22,
      user: "root",
      privateKey: operator.privateKey,
      hostKeys: [host.publicKey],
    };
    return await use({ target, device: volume.linux_device });
  } finally {
    await stack.api("DELETE", `/servers/${server.id}`);
    await stack.eventually(() => stack.api("DELETE", `/volumes/${volume.id}`));
    await stack.api("DELETE", `/ssh_keys/${ssh_key.id}`);
  }
}
