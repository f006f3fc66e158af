import { PrimaryIp } from "@pulumi/hcloud/primaryIp.js";
import { Server } from "@pulumi/hcloud/server.js";
import { ServerNetwork } from "@pulumi/hcloud/serverNetwork.js";
import { Volume } from "@pulumi/hcloud/volume.js";
import { VolumeAttachment } from "@pulumi/hcloud/volumeAttachment.js";
import {
  all,
  ComponentResource,
  type ComponentResourceOptions,
  type Input,
  interpolate,
  type Output,
  type Resource,
  type ResourceHook,
  secret,
} from "@pulumi/pulumi";
import { composeManifest } from "../roles/compose.ts";
import type { RoleManifest } from "../roles/manifest.ts";
import { SECRETS, secretNames } from "../roles/secrets.ts";
import type { Firewall } from "./firewall.ts";
import { type Names, namesOf, type Placement } from "./naming.ts";
import type { Authority } from "./native/authority.ts";
import { Certificate } from "./native/certificate.ts";
import { Host, type ManifestArgs } from "./native/host.ts";
import { KeyPair } from "./native/keyPair.ts";
import type { Network } from "./network.ts";
import type { MachineSpec, VolumeSpec } from "./spec.ts";
import { userData } from "./userData.ts";

export interface MachineArgs extends MachineSpec {
  placement: Placement;
  location: string;
  deletionProtection: boolean;
  inside: Network;
  behind: Firewall;
  /** Ids at the cloud. */
  placementGroupId: Input<number>;
  sshKeyId: Input<string>;
  operator: KeyPair;
  authority: Authority;
  /** Run after a server was changed: a change of its type leaves it off. */
  afterChange: ResourceHook;
  /** What the machine must become. */
  manifests: RoleManifest[];
  /** Values that its files may ask for, beside those of its own certificates. */
  secrets: Record<string, Input<string>>;
  /** Made before all of it, and deleted after it: what the server uses by itself as long as it runs. */
  after: Resource[];
  /** Names and addresses beside its own under which clients reach it; null: none do. */
  endpoint: { names: string[]; addresses: Input<string>[] } | null;
}

/** A volume with its place in the file system. */
export interface MountedVolume extends VolumeSpec {
  id: Output<string>;
}

/**
 * A server, what outlives it (its volumes, its address), and the Host that makes of it what it should be. No change
 * of configuration ever replaces the server: what is read at the first boot only, is ignored later.
 */
export class Machine extends ComponentResource {
  readonly spec: MachineSpec;
  readonly roleNames: string[];
  readonly serverId: Output<string>;
  readonly publicAddress: Output<string>;
  /** OpenSSH public key that the machine presents. */
  readonly hostKey: Output<string>;
  /** Its place in the private network. */
  readonly network: ServerNetwork;
  readonly volumes: MountedVolume[];
  readonly host: Host;

  constructor(name: string, args: MachineArgs, options?: ComponentResourceOptions) {
    super("phasewise:hetzner:Machine", name, {}, options);
    this.spec = args;
    this.roleNames = args.manifests.map((role) => role.name);
    const names = namesOf(args.placement, args.name);
    const address = this.address(names, args);
    this.publicAddress = address.ipAddress;
    const bootKey = new KeyPair(`${names.logical}-boot`, { comment: args.name }, { parent: this });
    const server = this.server(names, args, address, bootKey);
    this.serverId = server.id;
    this.network = this.join(names, args, server);
    const { attachments, volumes } = this.attach(args, server, this.network);
    this.volumes = volumes;
    this.host = this.converge(names, args, server, bootKey, [this.network, ...attachments]);
    this.hostKey = this.host.hostKey;
    this.registerOutputs({ publicAddress: this.publicAddress });
  }

  /** Of its own from the first day: it stays when the server is replaced. */
  private address(names: Names, args: MachineArgs): PrimaryIp {
    return new PrimaryIp(
      names.logical,
      {
        name: names.physical,
        type: "ipv4",
        location: args.location,
        autoDelete: false,
        deleteProtection: args.deletionProtection,
        labels: names.labels,
      },
      // Two addresses with one name are refused.
      {
        parent: this,
        protect: args.deletionProtection,
        deleteBeforeReplace: true,
        dependsOn: args.after,
      },
    );
  }

  private server(names: Names, args: MachineArgs, address: PrimaryIp, bootKey: KeyPair): Server {
    const { deletionProtection } = args;
    const hostKey = { privateKey: bootKey.privateKey, publicKey: bootKey.publicKey };
    const boot = all([args.operator.publicKey, hostKey.privateKey, hostKey.publicKey]).apply(
      ([operatorKey, privateKey, publicKey]) => userData({ operatorKey, hostKey: { privateKey, publicKey } }),
    );
    return new Server(
      names.logical,
      {
        name: names.physical,
        serverType: args.serverType,
        // The data is on volumes; without growing its own disk a server can change to a smaller type, too.
        keepDisk: true,
        image: args.image,
        location: args.location,
        sshKeys: [args.sshKeyId],
        userData: secret(boot),
        firewallIds: [args.behind.id],
        placementGroupId: args.placementGroupId,
        publicNets: [{ ipv4Enabled: true, ipv4: address.id.apply(Number), ipv6Enabled: false }],
        deleteProtection: deletionProtection,
        rebuildProtection: deletionProtection,
        labels: names.labels,
      },
      {
        parent: this,
        protect: deletionProtection,
        dependsOn: args.after,
        hooks: { afterUpdate: [args.afterChange] },
        // The first three would replace the server, and none of them is read after the first boot. The last one turns
        // it off and on; a server that was taken over from an interrupted run does not tell it.
        ignoreChanges: ["userData", "sshKeys", "image", "publicNets"],
      },
    );
  }

  private join(names: Names, args: MachineArgs, server: Server): ServerNetwork {
    const subnet = args.inside.subnets[args.subnet];
    if (!subnet) throw new Error(`${args.name}: there is no subnet ${args.subnet}`);
    return new ServerNetwork(
      `${names.logical}-network`,
      // By the network, as an import reads it: an attachment that was made and not recorded is taken over unchanged.
      { serverId: server.id.apply(Number), networkId: subnet.networkId, ip: args.privateAddress },
      // Attached again before it is detached, it would end up detached, with nobody noticing.
      { parent: this, protect: args.deletionProtection, deleteBeforeReplace: true },
    );
  }

  private attach(args: MachineArgs, server: Server, network: ServerNetwork) {
    const { deletionProtection, location } = args;
    const made = args.volumes.map((spec) => {
      const own = namesOf(args.placement, `${args.name}-${spec.name}`);
      const volume = new Volume(
        own.logical,
        {
          name: own.physical,
          size: spec.sizeGb,
          location,
          deleteProtection: deletionProtection,
          labels: own.labels,
        },
        { parent: this, protect: deletionProtection, dependsOn: args.after },
      );
      const attachment = new VolumeAttachment(
        own.logical,
        { volumeId: volume.id.apply(Number), serverId: server.id.apply(Number) },
        // A volume is on one server at a time. A server takes one change at a time: the others would wait in vain.
        // Taken away while the database runs, a volume is as good as lost until the machine is reset: so it is kept.
        { parent: this, protect: deletionProtection, deleteBeforeReplace: true, dependsOn: [network] },
      );
      return { attachment, mounted: { ...spec, id: volume.id } };
    });
    return {
      attachments: made.map(({ attachment }) => attachment),
      volumes: made.map(({ mounted }) => mounted),
    };
  }

  private converge(
    names: Names,
    args: MachineArgs,
    server: Server,
    bootKey: KeyPair,
    dependsOn: Resource[],
  ): Host {
    const manifest = this.manifest(args);
    const given = { ...args.secrets, ...this.certificates(names, args) };
    const needed = secretNames(manifest);
    const missing = needed.filter((each) => !(each in given));
    if (missing.length > 0) throw new Error(`${args.name}: nobody gives the secrets ${missing.join(", ")}`);
    return new Host(
      names.logical,
      {
        connection: {
          host: this.publicAddress,
          user: "root",
          privateKey: args.operator.privateKey,
        },
        bootstrapHostKey: bootKey.publicKey,
        machineId: server.id,
        manifest,
        secrets: Object.fromEntries(needed.map((each) => [each, given[each]!])),
      },
      { parent: this, dependsOn },
    );
  }

  /** Known in a first preview, but for the devices: a volume's id is part of its device's path. */
  private manifest(args: MachineArgs): ManifestArgs {
    const mount = ({ filesystem, path }: VolumeSpec, device: string) => ({
      device,
      path,
      filesystem,
      options: ["noatime", "discard"],
    });
    const composed = composeManifest({
      hostname: args.name,
      mounts: args.volumes.map((volume) => mount(volume, `/dev/${volume.name}`)),
      roles: args.manifests,
    });
    const mounts = this.volumes.map((volume, index) => ({
      ...composed.mounts[index]!,
      device: interpolate`/dev/disk/by-id/scsi-0HC_Volume_${volume.id}`,
    }));
    return { ...composed, mounts };
  }

  private certificates(names: Names, args: MachineArgs): Record<string, Input<string>> {
    const { authority, endpoint: reached } = args;
    const local = { names: ["localhost"], addresses: ["127.0.0.1"] };
    const issue = (
      what: string,
      commonName: string,
      usages: ("server" | "client")[],
      dns: string[],
      addresses: Input<string>[],
    ) =>
      new Certificate(
        `${names.logical}-${what}`,
        {
          authorityCertificate: authority.certificate,
          authorityPrivateKey: authority.privateKey,
          commonName,
          dnsNames: [...dns, ...local.names],
          ipAddresses: [...addresses, ...local.addresses],
          usages,
        },
        { parent: this },
      );
    const node = issue("node", args.name, ["server", "client"], [args.name], [args.privateAddress]);
    const own = {
      [SECRETS.caCertificate]: authority.certificate,
      [SECRETS.nodeCertificate]: node.certificate,
      [SECRETS.nodeKey]: node.privateKey,
    };
    if (reached === null) return own;
    const addresses = [this.publicAddress, args.privateAddress, ...reached.addresses];
    const endpoint = issue(
      "endpoint",
      reached.names[0] ?? args.name,
      ["server"],
      [...reached.names, args.name],
      addresses,
    );
    return {
      ...own,
      [SECRETS.endpointCertificate]: endpoint.certificate,
      [SECRETS.endpointKey]: endpoint.privateKey,
    };
  }
}
