import { ed25519FromSeed } from "../../../clients/ssh/keys.ts";
import type { ServerSpec, VolumeSpec } from "../../../cloud/hypervisor.ts";
import { host } from "../../../plugins/native/host/host.ts";
import { type Driven, type DriveOptions, drive } from "../../../plugins/server/testing.ts";
import { imagePackages } from "../../../roles/imagePackages.ts";
import type { Manifest, RoleManifest } from "../../../roles/manifest.ts";
import { disk, TestCloud } from "../machines/testCloud.ts";

export const operatorKey = ed25519FromSeed(Buffer.alloc(32, 11), "operator");
export const firstBootKey = ed25519FromSeed(Buffer.alloc(32, 12), "first boot");

/** A cloud whose machines come from the image that stacks use and can be converged. */
export class HostCloud extends TestCloud {
  override get options() {
    return { ...super.options, imagePackages: imagePackages() };
  }

  /** Boots a machine that has the operator's key and a known host key, with empty volumes. */
  async machine(id: number, changes: Partial<ServerSpec> = {}): Promise<ServerSpec> {
    const server = this.server(id, { userData: userData(), sshKeys: [operatorKey.publicKey], ...changes });
    for (const volume of server.volumes) await this.hypervisor.createVolume(volume);
    await this.hypervisor.createServer(server);
    await this.hypervisor.powerOn(server);
    return server;
  }

  /** A Host's inputs for machine `id`. */
  inputs(id: number, manifest: Manifest, changes: object = {}): Record<string, unknown> {
    return {
      connection: { host: this.address(id), privateKey: operatorKey.privateKey },
      bootstrapHostKey: firstBootKey.publicKey,
      manifest,
      ...changes,
    };
  }
}

export function driveHost(options: DriveOptions = {}): Driven {
  return drive(host, options);
}

/** A volume without a filesystem, attached to a machine. */
export function blank(id: number, serverId: number): VolumeSpec {
  return { id, name: `volume-${id}`, sizeGb: 10, format: null, serverId };
}

/** Volume `id` at /data, as the plan of a stack mounts it. */
export function mounted(
  id: number,
  changes: Partial<Manifest["mounts"][number]> = {},
): Manifest["mounts"][number] {
  return { device: disk(id), path: "/data", filesystem: "xfs", options: ["noatime", "nofail"], ...changes };
}

/** A role with nothing in it but `changes`. */
export function role(name: string, changes: Partial<RoleManifest> = {}): RoleManifest {
  return {
    name,
    packages: [],
    hold: [],
    directories: [],
    files: [],
    prepare: [],
    units: [],
    finish: [],
    ...changes,
  };
}

/** A file of root's. */
export function file(path: string, content: string, changes: object = {}): RoleManifest["files"][number] {
  return { path, owner: "root", group: "root", mode: "0644", content, ...changes };
}

/** The unit file of a service that runs `command` in sh, and `reload` when it is reloaded. */
export function service(name: string, command: string, more: { reload?: string; type?: string } = {}) {
  const lines = [
    "[Service]",
    `Type=${more.type ?? "simple"}`,
    `ExecStart=/bin/sh -c '${command}'`,
    `ExecReload=/bin/sh -c '${more.reload ?? "true"}'`,
    "[Install]",
    "WantedBy=multi-user.target",
    "",
  ];
  return file(`/etc/systemd/system/${name}.service`, lines.join("\n"));
}

export function manifest(roles: RoleManifest[], changes: Partial<Manifest> = {}): Manifest {
  return { version: 1, hostname: "machine-1", mounts: [], roles, ...changes };
}

function userData(): string {
  const key = firstBootKey.privateKey
    .trimEnd()
    .split("\n")
    .map((line) => `    ${line}`)
    .join("\n");
  return `#cloud-config\nssh_keys:\n  ed25519_private: |\n${key}\n  ed25519_public: ${firstBootKey.publicKey}\n`;
}
