import type { TargetHealth } from "../hypervisor.ts";
import type { Labels } from "./labels.ts";
import type { RecordType } from "./records.ts";

/**
 * What the store keeps, every relation in one place only: a volume knows its server, a primary IP its assignee, a
 * server its networks and its placement group, a firewall what it is applied to. The store says what there should
 * be, from the request on; actions bring the world there.
 */
export interface Kinds {
  server: Server;
  ssh_key: SshKey;
  network: Network;
  volume: Volume;
  firewall: Firewall;
  placement_group: PlacementGroup;
  primary_ip: PrimaryIp;
  load_balancer: LoadBalancer;
  certificate: Certificate;
  zone: Zone;
  rrset: RecordSet;
  action: Action;
}

export type Kind = keyof Kinds;

/** What all things have that people make. */
export interface Named {
  readonly id: number;
  readonly name: string;
  readonly labels: Labels;
  /** RFC 3339. */
  readonly created: string;
}

export type ServerStatus =
  | "initializing"
  | "starting"
  | "running"
  | "stopping"
  | "off"
  | "deleting"
  | "rebuilding"
  | "migrating";

export interface PrivateNet {
  readonly network: number;
  readonly ip: string;
  readonly aliasIps: readonly string[];
  readonly macAddress: string;
}

export interface Server extends Named {
  readonly status: ServerStatus;
  /** Whether it should run: what is restored after a restart of the cloud. */
  readonly powered: boolean;
  /** Names in the catalogue. */
  readonly type: string;
  readonly image: string;
  readonly location: string;
  /** GB. Stays smaller than the type's disk after a change of type that keeps the disk. */
  readonly diskGb: number;
  readonly userData: string;
  /** OpenSSH public keys as they were when the server was made. */
  readonly sshKeys: readonly string[];
  /** crypt(3) hash; null: keys only. */
  readonly rootPasswordHash: string | null;
  readonly macAddress: string;
  readonly privateNet: readonly PrivateNet[];
  readonly placementGroup: number | null;
  readonly protection: { readonly delete: boolean; readonly rebuild: boolean };
}

export interface SshKey extends Named {
  readonly publicKey: string;
  /** MD5 in hex with colons. */
  readonly fingerprint: string;
}

export interface Subnet {
  readonly type: "cloud" | "server";
  readonly ipRange: string;
  readonly networkZone: string;
  readonly gateway: string;
}

export interface Route {
  readonly destination: string;
  readonly gateway: string;
}

export interface Network extends Named {
  readonly ipRange: string;
  readonly subnets: readonly Subnet[];
  readonly routes: readonly Route[];
  readonly protection: { readonly delete: boolean };
}

export interface Volume extends Named {
  readonly sizeGb: number;
  readonly location: string;
  readonly format: "ext4" | "xfs" | null;
  readonly status: "creating" | "available";
  readonly server: number | null;
  readonly protection: { readonly delete: boolean };
}

export interface Rule {
  readonly direction: "in" | "out";
  readonly protocol: "tcp" | "udp" | "icmp" | "esp" | "gre";
  readonly port: string | null;
  readonly sourceIps: readonly string[];
  readonly destinationIps: readonly string[];
  readonly description: string | null;
}

export type AppliedTo =
  | { readonly type: "server"; readonly server: number }
  | { readonly type: "label_selector"; readonly selector: string };

export interface Firewall extends Named {
  readonly rules: readonly Rule[];
  readonly appliedTo: readonly AppliedTo[];
}

export interface PlacementGroup extends Named {
  readonly type: "spread";
}

export interface PrimaryIp extends Named {
  readonly type: "ipv4" | "ipv6";
  /** An address, or the /64 of an IPv6. */
  readonly ip: string;
  readonly location: string;
  readonly assignee: number | null;
  readonly autoDelete: boolean;
  readonly protection: { readonly delete: boolean };
}

export interface LoadBalancer extends Named {
  /** A name in the catalogue. */
  readonly type: string;
  readonly location: string;
  readonly algorithm: "round_robin" | "least_connections";
  readonly publicInterface: boolean;
  readonly macAddress: string;
  readonly privateNet: { readonly network: number; readonly ip: string; readonly macAddress: string } | null;
  readonly services: readonly Service[];
  readonly targets: readonly Target[];
  /** What was seen last, by the target's address. */
  readonly health: readonly TargetHealth[];
  readonly protection: { readonly delete: boolean };
}

/** A certificate that was uploaded. */
export interface Certificate extends Named {
  /** PEM, its own certificate first. */
  readonly chain: string;
  readonly privateKey: string;
  readonly notBefore: string;
  readonly notAfter: string;
  readonly domainNames: readonly string[];
  readonly fingerprint: string;
}

/** A DNS zone in Hetzner's primary mode. */
export interface Zone extends Named {
  /** Seconds, for record sets without their own. */
  readonly ttl: number;
  readonly protection: { readonly delete: boolean };
}

/** The records of one name and type in a zone. */
export interface RecordSet {
  readonly id: number;
  readonly zone: number;
  readonly name: string;
  readonly type: RecordType;
  readonly ttl: number | null;
  readonly labels: Labels;
  readonly protection: { readonly change: boolean };
  readonly records: readonly DnsRecord[];
  /** RFC 3339. */
  readonly created: string;
}

export interface DnsRecord {
  readonly value: string;
  readonly comment: string;
}

export interface Service {
  readonly protocol: "tcp" | "http" | "https";
  readonly listenPort: number;
  readonly destinationPort: number;
  readonly proxyProtocol: boolean;
  /** null for TCP. */
  readonly http: HttpSettings | null;
  readonly healthCheck: {
    readonly protocol: "tcp" | "http";
    readonly port: number;
    /** Seconds. */
    readonly interval: number;
    readonly timeout: number;
    readonly retries: number;
    readonly http: HttpCheck | null;
  };
}

export interface HttpSettings {
  readonly stickySessions: boolean;
  readonly cookieName: string;
  /** Seconds. */
  readonly cookieLifetime: number;
  readonly timeoutIdle: number;
  readonly redirectHttp: boolean;
  readonly certificates: readonly number[];
}

export interface HttpCheck {
  readonly domain: string;
  readonly path: string;
  readonly response: string;
  readonly statusCodes: readonly string[];
  readonly tls: boolean;
}

export type Target =
  | { readonly type: "server"; readonly server: number; readonly usePrivateIp: boolean }
  | { readonly type: "label_selector"; readonly selector: string; readonly usePrivateIp: boolean }
  | { readonly type: "ip"; readonly ip: string };

export interface ActionResource {
  readonly id: number;
  readonly type: Exclude<Kind, "action">;
}

/** A piece of work: written down before it starts, and taken up again after a crash. */
export interface Action {
  readonly id: number;
  /** Hetzner's name of it, as "create_server". */
  readonly command: string;
  readonly status: "running" | "success" | "error";
  readonly progress: number;
  readonly started: string;
  readonly finished: string | null;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly resources: readonly ActionResource[];
  /** What to do, for the engine; null where all was done in the transaction that made the action. */
  readonly task: { readonly name: string; readonly input: unknown } | null;
  /** An action that must succeed first. */
  readonly after: number | null;
}
