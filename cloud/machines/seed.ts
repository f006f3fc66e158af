import type { ServerSpec } from "../hypervisor.ts";
import { aptConfiguration } from "../packages/config.ts";

/** A file of a new machine's root filesystem. */
export interface SeedFile {
  /** Relative to the root. */
  path: string;
  content: string;
  mode: number;
}

/**
 * What a fresh root filesystem gets beside the image: who it is, and what cloud-init shall do. Pure.
 * @param gateway The host's address on the public network.
 */
export function seedFiles(server: ServerSpec, gateway: string): SeedFile[] {
  const seed = "var/lib/cloud/seed/nocloud";
  return [
    { path: `${seed}/meta-data`, content: metaData(server), mode: 0o600 },
    { path: `${seed}/user-data`, content: server.userData, mode: 0o600 },
    { path: `${seed}/vendor-data`, content: vendorData(server), mode: 0o600 },
    { path: "etc/hostname", content: `${server.name}\n`, mode: 0o644 },
    { path: "etc/apt/apt.conf.d/90cloud-mirror", content: aptConfiguration(gateway), mode: 0o644 },
  ];
}

// JSON is YAML, and cares for every kind of key and name.
function metaData(server: ServerSpec): string {
  const data = {
    "instance-id": String(server.id),
    "local-hostname": server.name,
    "public-keys": server.sshKeys,
    region: server.location,
  };
  return `${JSON.stringify(data, null, 2)}\n`;
}

// What the cloud itself wants of cloud-init; user data go before it.
function vendorData({ rootPasswordHash }: ServerSpec): string {
  if (rootPasswordHash === null) return "#cloud-config\nssh_pwauth: false\n";
  const users = [{ name: "root", password: rootPasswordHash, type: "hash" }];
  // As at Hetzner: whoever logs in with it must choose another one first.
  return `#cloud-config\n${JSON.stringify({ ssh_pwauth: true, chpasswd: { expire: true, users } }, null, 2)}\n`;
}
