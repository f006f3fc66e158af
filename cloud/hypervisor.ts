/**
 * The border between the API (what there should be) and the machines (what there is). Every method brings
 * reality to the state it is given and may be called again: after a crash the API simply repeats it.
 * All ids are the API's numeric ids. Errors are thrown as `Error` with a message for people.
 */
export interface Hypervisor {
  /**
   * Called once at start with all that the store knows: machines that still run are adopted, those that should
   * run are started, and whatever belongs to this cloud but not to `world` (mounts, loop devices, bridges,
   * namespaces, routes, processes) is removed.
   */
  reconcile(world: World): Promise<void>;

  /** Makes the root filesystem from the image where there is none; does not start it. */
  createServer(server: ServerSpec): Promise<void>;
  /** Starts the machine and returns when its init process runs. No effect on a running one. */
  powerOn(server: ServerSpec): Promise<void>;
  /** Pulls the plug. */
  powerOff(id: number): Promise<void>;
  /** Asks the operating system to power off; resolves when asked, not when off. */
  shutdown(id: number): Promise<void>;
  /** Asks the operating system to reboot (it comes back by itself). */
  reboot(server: ServerSpec): Promise<void>;
  isRunning(id: number): Promise<boolean>;
  /** Replaces the root filesystem by a fresh one of `server.image`; the machine is off before and started after. */
  rebuild(server: ServerSpec): Promise<void>;
  /** Applies new memory and CPU limits, now or at the next start. */
  setLimits(server: ServerSpec): Promise<void>;
  /** Stops it and removes all that it had. */
  deleteServer(id: number): Promise<void>;
  /** Public addresses as they are now in the spec (primary IPs are assigned and unassigned while off). */
  setPublicAddresses(server: ServerSpec): Promise<void>;

  createVolume(volume: VolumeSpec): Promise<void>;
  attachVolume(volume: VolumeSpec, serverId: number): Promise<void>;
  detachVolume(volumeId: number): Promise<void>;
  resizeVolume(volume: VolumeSpec): Promise<void>;
  deleteVolume(volumeId: number): Promise<void>;

  /** Creates it, or brings subnets and routes of an existing one up to date. */
  ensureNetwork(network: NetworkSpec): Promise<void>;
  deleteNetwork(id: number): Promise<void>;
  attachNetwork(serverId: number, attachment: NetworkAttachmentSpec): Promise<void>;
  detachNetwork(serverId: number, networkId: number): Promise<void>;

  /** Creates it, or brings its addresses, services and targets up to date; open connections go on. */
  ensureLoadBalancer(balancer: LoadBalancerSpec): Promise<void>;
  deleteLoadBalancer(id: number): Promise<void>;
  /** What it sees of its targets now; null where it does not run. */
  loadBalancerHealth(id: number): Promise<TargetHealth[] | null>;

  /** Replaces all rules on the machine's public interface; null lets everything through. */
  setFirewall(serverId: number, rules: FirewallRule[] | null): Promise<void>;

  /** What the API gives out as public addresses; the same for the whole life of the cloud's directory. */
  readonly publicRange: PublicRange;
  /** Lets go of what this process holds. Machines, volumes and networks go on. */
  close(): Promise<void>;
}

export interface HypervisorOptions {
  /** Absolute; everything that is kept lies below it. */
  directory: string;
  /** Debian packages that the machine image has beside the base system. */
  imagePackages: string[];
  /** A line for people about long work, as the building of the image. */
  onProgress?: (line: string) => void;
}

/** All addresses in between, both ends included, may be given to machines. */
export interface PublicRange {
  ipv4: { first: string; last: string };
  /** Prefix whose /64s are given to machines one by one, as "2001:2:0:100::/56". */
  ipv6: string;
  /** The host's own address on the public network: what machines reach the host's services on, as "198.18.3.1". */
  gateway: string;
}

export interface World {
  servers: ServerSpec[];
  volumes: VolumeSpec[];
  networks: NetworkSpec[];
  loadBalancers: LoadBalancerSpec[];
}

export interface ServerSpec {
  id: number;
  name: string;
  /** Name of the image, as "debian-13". */
  image: string;
  userData: string;
  /** OpenSSH public keys for root. */
  sshKeys: string[];
  /** crypt(3) hash of root's password for /etc/shadow; null: no password works. */
  rootPasswordHash: string | null;
  cores: number;
  memoryBytes: number;
  diskBytes: number;
  /** Whether it should be running. */
  running: boolean;
  ipv4: string | null;
  /** The machine's own address, ::1 of its /64, without a prefix length. */
  ipv6: string | null;
  macAddress: string;
  location: string;
  networks: NetworkAttachmentSpec[];
  volumes: VolumeSpec[];
  /** null: no firewall is applied, everything passes. An empty list: nothing comes in. */
  firewall: FirewallRule[] | null;
}

export interface VolumeSpec {
  id: number;
  name: string;
  sizeGb: number;
  /** Formatted by the cloud when it is created. */
  format: "ext4" | "xfs" | null;
  serverId: number | null;
}

export interface NetworkSpec {
  id: number;
  name: string;
  ipRange: string;
  subnets: { ipRange: string; gateway: string }[];
  routes: { destination: string; gateway: string }[];
}

export interface NetworkAttachmentSpec {
  networkId: number;
  ip: string;
  aliasIps: string[];
  macAddress: string;
}

export interface LoadBalancerSpec {
  id: number;
  name: string;
  /** null: its public interface is disabled. */
  ipv4: string | null;
  ipv6: string | null;
  macAddress: string;
  network: NetworkAttachmentSpec | null;
  /** At the same time, over all services. */
  maxConnections: number;
  algorithm: "round_robin" | "least_connections";
  services: BalancedService[];
  /** IPv4 addresses that every service leads to. */
  targets: string[];
}

export interface BalancedService {
  protocol: "tcp" | "http" | "https";
  listenPort: number;
  destinationPort: number;
  proxyProtocol: boolean;
  /** null for TCP. */
  http: {
    sticky: { cookieName: string; lifetimeSeconds: number } | null;
    idleSeconds: number;
    /** PEM: chain and private key, one after the other. */
    certificates: string[];
    redirectHttp: boolean;
  } | null;
  healthCheck: {
    port: number;
    intervalSeconds: number;
    timeoutSeconds: number;
    retries: number;
    /** null: a connection is enough. */
    http: {
      domain: string | null;
      path: string;
      /** A part of the answer's body; empty: any. */
      response: string;
      /** As "2??". */
      statusCodes: string[];
      tls: boolean;
    } | null;
  };
}

export interface TargetHealth {
  listenPort: number;
  address: string;
  status: "healthy" | "unhealthy" | "unknown";
  /** Why it is unhealthy, in Hetzner's words, as "layer4_timeout". */
  detail: string | null;
  httpStatusCode: number | null;
}

export interface FirewallRule {
  direction: "in" | "out";
  protocol: "tcp" | "udp" | "icmp" | "esp" | "gre";
  /** "22", "80-85" or null for any (icmp, esp, gre have none). */
  port: string | null;
  /** CIDRs of the other side: sources for `in`, destinations for `out`. */
  peers: string[];
}
