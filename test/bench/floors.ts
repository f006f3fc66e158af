import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { ed25519FromSeed } from "../../clients/ssh/keys.ts";
import { withSession } from "../../clients/ssh.ts";
import { locatePulumi } from "../../toolchain/pulumi/locate.ts";
import { pulumiVersion } from "../../toolchain/pulumi/version.ts";
import type { Stack } from "../e2e/stack.ts";

/**
 * The same machine booted, and PostgreSQL initialised on a volume, by a plain shell script: what `up` cannot beat.
 * Leaves nothing behind.
 */
export async function shellScriptFloor(stack: Stack): Promise<void> {
  const operator = ed25519FromSeed(crypto.getRandomValues(new Uint8Array(32)), "floor");
  const host = ed25519FromSeed(crypto.getRandomValues(new Uint8Array(32)), "floor");
  const { ssh_key } = await stack.api<{ ssh_key: { id: number } }>("POST", "/ssh_keys", {
    name: "floor",
    public_key: operator.publicKey,
  });
  const { volume } = await stack.api<{ volume: { id: number; linux_device: string } }>("POST", "/volumes", {
    name: "floor",
    size: 10,
    location: "fsn1",
  });
  const { server } = await stack.api<{ server: { id: number; public_net: { ipv4: { ip: string } } } }>(
    "POST",
    "/servers",
    {
      name: "floor",
      server_type: "cpx22",
      image: "debian-13",
      location: "fsn1",
      ssh_keys: [ssh_key.id],
      user_data: `#cloud-config\nssh_deletekeys: true\nssh_keys:\n  ed25519_private: |\n${host.privateKey.replace(/^/gm, "    ")}\n  ed25519_public: ${host.publicKey}\n`,
      volumes: [volume.id],
    },
  );
  try {
    const target = {
      host: server.public_net.ipv4.ip,
      port: 22,
      user: "root",
      privateKey: operator.privateKey,
      hostKeys: [host.publicKey],
    };
    await withSession(target, { deadlineMs: 60_000 }, async (session) => {
      const script = readFileSync(join(import.meta.dirname, "floor.sh"), "utf8");
      const result = await session.exec(`sh -s ${volume.linux_device}`, { stdin: script });
      if (result.code !== 0) throw new Error(`floor.sh: ${result.stderr}`);
    });
  } finally {
    await stack.api("DELETE", `/servers/${server.id}`);
    await stack.eventually(() => stack.api("DELETE", `/volumes/${volume.id}`));
    await stack.api("DELETE", `/ssh_keys/${ssh_key.id}`);
  }
}

/** A preview of an empty program, as a whole process, with the same CLI. */
export async function emptyPreview(): Promise<void> {
  const found = await locatePulumi(pulumiVersion);
  if (!found) throw new Error("There is no Pulumi CLI yet: run `npm start` once.");
  const folder = mkdtempSync(join(tmpdir(), "phasewise-empty-"));
  try {
    await execa(process.execPath, [join(import.meta.dirname, "emptyPreview.ts"), found], {
      env: {
        PULUMI_BACKEND_URL: `file://${folder}`,
        PULUMI_CONFIG_PASSPHRASE: "empty",
        PULUMI_SKIP_UPDATE_CHECK: "true",
      },
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
