import { PlacementGroup } from "@pulumi/hcloud/placementGroup.js";
import { SshKey } from "@pulumi/hcloud/sshKey.js";
import {
  ComponentResource,
  type ComponentResourceOptions,
  type Input,
  type Output,
  type ResourceHook,
} from "@pulumi/pulumi";
import { SECRETS } from "../roles/secrets.ts";
import { BackupBucket, type StorageKeys } from "./backupBucket.ts";
import { CacheCredentials, SentinelCredentials } from "./cacheCredentials.ts";
import { Credentials } from "./credentials.ts";
import { Firewall } from "./firewall.ts";
import { LoadBalancer } from "./loadBalancer.ts";
import { Machine } from "./machine.ts";
import { clusterParameters, machineRoles } from "./machineRoles.ts";
import { namesOf, type Placement } from "./naming.ts";
import { Authority } from "./native/authority.ts";
import { KeyPair } from "./native/keyPair.ts";
import { Password } from "./native/password.ts";
import { Network } from "./network.ts";
import { PostgresCluster } from "./postgresCluster.ts";
import type { ClusterSpec, DataLayerSpec, MachineSpec } from "./spec.ts";

export interface DataLayerArgs {
  spec: DataLayerSpec;
  storage: StorageKeys;
  /** Where backups have a second repository. */
  secondStorage?: StorageKeys;
  /** Addresses and passwords of who is told of alerts, by the names under which roles ask for them. */
  receivers?: Record<string, Input<string>>;
  /** What opens the repository of `spec.origin`. */
  originSecrets?: Record<string, Input<string>>;
  /** What application servers run: see the role. Not needed where there are none. */
  applicationProgram?: string;
  /** Turns a server on whose type was changed. */
  afterServerChange: ResourceHook;
}

/**
 * A whole data layer: networks, machines, clusters, backups. Neither its name nor its type nor those of its parts
 * say which phase it is in, so that growing changes no URN.
 */
export class DataLayer extends ComponentResource {
  readonly machines: Machine[];
  readonly loadBalancers: LoadBalancer[];
  /** In the order of the clusters of its description. */
  readonly credentials: Credentials[];
  /** In the order of the caches of its description. */
  readonly cacheCredentials: CacheCredentials[];
  /** The key of the caches' backups. There in every stack: it has to outlive a cache that is turned off. */
  readonly cacheBackupCipher: Output<string>;
  /** Where Sentinels watch a cache. */
  readonly sentinelCredentials: SentinelCredentials | null;
  readonly clusters: PostgresCluster[];
  readonly operator: KeyPair;
  /** PEM of the authority behind every certificate here. */
  readonly caCertificate: Output<string>;

  constructor(name: string, args: DataLayerArgs, options?: ComponentResourceOptions) {
    super("phasewise:index:DataLayer", name, {}, options);
    const { spec } = args;
    const placement: Placement = { stack: spec.stack, prefix: name };
    const { deletionProtection } = spec;
    const kept = { parent: this, protect: deletionProtection };
    this.operator = new KeyPair(`${name}-operator`, { comment: `${name}-${spec.stack}` }, kept);
    const authority = new Authority(`${name}-authority`, { commonName: `${name} ${spec.stack}` }, kept);
    this.caCertificate = authority.certificate;
    this.credentials = spec.clusters.map(
      ({ database, name: cluster }) =>
        new Credentials(`${name}-${cluster}`, { database, deletionProtection }, { parent: this }),
    );
    this.cacheCredentials = spec.caches.map(
      (cache) => new CacheCredentials(`${name}-${cache.name}`, { parent: this }),
    );
    this.cacheBackupCipher = new Password(`${name}-cache-backup-cipher`, {}, kept).value;
    this.sentinelCredentials = spec.caches.some((cache) => cache.sentinels.length > 0)
      ? new SentinelCredentials(`${name}-sentinel`, { parent: this })
      : null;
    const buckets = spec.buckets.map(
      (bucket) =>
        new BackupBucket(
          `${name}-${bucket.name}`,
          { ...bucket, ...useOf(bucket.name, args), deletionProtection },
          { parent: this },
        ),
    );
    const { ground, inside } = this.ground(placement, spec, buckets);
    this.loadBalancers = spec.loadBalancers.map(
      (balancer) =>
        new LoadBalancer(
          `${name}-${balancer.name}`,
          { ...balancer, placement, location: spec.location, deletionProtection, inside, after: buckets },
          { parent: this },
        ),
    );
    this.machines = spec.machines.map(
      (machine) =>
        new Machine(
          `${name}-${machine.name}`,
          {
            ...machine,
            ...ground(machine),
            placement,
            location: spec.location,
            deletionProtection,
            operator: this.operator,
            authority,
            manifests: machineRoles(machine, spec, args.applicationProgram),
            secrets: { ...this.secretsFor(machine, spec, buckets), ...args.receivers, ...args.originSecrets },
            afterChange: args.afterServerChange,
            // Wrong S3 keys show before anything is made. And a server that still runs would go on sending its log
            // into a bucket that is being emptied.
            after: buckets,
            endpoint: endpointOf(machine, spec, this.loadBalancers),
          },
          { parent: this },
        ),
    );
    for (const balancer of this.loadBalancers) balancer.aim(this.machines);
    this.clusters = spec.clusters.map((cluster, index) => this.cluster(name, cluster, index, spec, buckets));
    this.registerOutputs({ caCertificate: this.caCertificate });
  }

  /** What machines stand on; gives each machine its own part of it. */
  private ground(placement: Placement, spec: DataLayerSpec, after: BackupBucket[]) {
    const { prefix } = placement;
    const parent = { parent: this };
    const keyNames = namesOf(placement, "operator");
    const sshKey = new SshKey(
      keyNames.logical,
      { name: keyNames.physical, publicKey: this.operator.publicKey, labels: keyNames.labels },
      // Hetzner takes a key, and a name, only once.
      { parent: this, deleteBeforeReplace: true, dependsOn: after },
    );
    const inside = new Network(
      `${prefix}-${spec.network.name}`,
      {
        ...spec.network,
        placement,
        zone: spec.networkZone,
        deletionProtection: spec.deletionProtection,
        after,
      },
      parent,
    );
    const firewalls = byName(
      spec.firewalls,
      (each) => new Firewall(`${prefix}-${each.name}`, { ...each, placement, after }, parent),
    );
    const groups = byName(spec.placementGroups, (each) => {
      const names = namesOf(placement, each.name);
      return new PlacementGroup(
        names.logical,
        { name: names.physical, type: "spread", labels: names.labels },
        { parent: this, dependsOn: after },
      );
    });
    const ground = (machine: MachineSpec) => ({
      sshKeyId: sshKey.id,
      inside,
      behind: found(firewalls, machine.firewall),
      placementGroupId: found(groups, machine.placementGroup).id.apply(Number),
    });
    return { ground, inside };
  }

  /** Everything that this machine's files might ask for; a machine takes only what its own files name. */
  private secretsFor(machine: MachineSpec, spec: DataLayerSpec, buckets: BackupBucket[]) {
    const index = spec.clusters.findIndex(
      (each) => each.members.includes(machine.name) || each.gateways.includes(machine.name),
    );
    const cache = spec.caches.findIndex(({ machines, sentinels }) =>
      [...machines, ...sentinels].includes(machine.name),
    );
    const backup = spec.clusters[index]?.backup;
    const repositories = [backup?.bucket, backup?.second?.bucket].flatMap((wanted) =>
      buckets.filter((_, place) => spec.buckets[place]!.name === wanted),
    );
    const application = spec.applications.find((each) => each.machines.includes(machine.name));
    const used = spec.clusters.findIndex((each) => each.name === application?.cluster);
    return {
      [SECRETS.operatorKey]: this.operator.publicKey,
      ...(application ? this.cacheCredentials[0]?.machineSecrets : {}),
      ...this.credentials[used]?.applicationSecrets,
      ...this.credentials[index]?.machineSecrets,
      ...Object.assign({}, ...repositories.map((each) => each.machineSecrets)),
      ...this.cacheCredentials[cache]?.machineSecrets,
      ...this.sentinelCredentials?.machineSecrets,
      [SECRETS.redisBackupCipher]: this.cacheBackupCipher,
    };
  }

  private cluster(
    name: string,
    spec: ClusterSpec,
    index: number,
    layer: DataLayerSpec,
    buckets: BackupBucket[],
  ) {
    const machines = this.machines.filter((machine) => spec.members.includes(machine.spec.name));
    return new PostgresCluster(
      `${name}-${spec.name}`,
      {
        ...spec,
        machines,
        settings: clusterParameters(spec, layer),
        privateKey: this.operator.privateKey,
        credentials: this.credentials[index]!,
        ...(layer.origin?.cluster === spec.name ? { patienceSeconds: layer.origin.patienceSeconds } : {}),
      },
      // The first thing that a cluster does with its bucket is to make a place for its backups there.
      { parent: this, dependsOn: [...this.machines.map((machine) => machine.host), ...buckets] },
    );
  }
}

/** Which of the repositories a bucket is, and who may use it. */
function useOf(bucket: string, { secondStorage, spec, storage }: DataLayerArgs) {
  const isSecond = spec.clusters.some(({ backup }) => backup.second?.bucket === bucket);
  const mayLeave = spec.buckets.length > 1;
  if (!isSecond) return { keys: storage, repository: 1 as const, mayLeave };
  if (!secondStorage) throw new Error(`nobody says who may use the bucket ${bucket}`);
  return { keys: secondStorage, repository: 2 as const, mayLeave };
}

/** Under which names and addresses, beside its own, clients reach a gateway or a cache; null for other machines. */
function endpointOf(machine: MachineSpec, spec: DataLayerSpec, balancers: LoadBalancer[]) {
  const reached = [
    ...spec.clusters.flatMap((cluster) => cluster.gateways),
    ...spec.caches.flatMap((cache) => cache.machines),
  ];
  if (!reached.includes(machine.name)) return null;
  const inFront = balancers.filter((balancer) => balancer.spec.machines.includes(machine.name));
  return {
    names: spec.domain === null ? [] : [spec.domain],
    addresses: inFront.flatMap(({ spec: { privateAddress }, publicAddress }) =>
      publicAddress === null ? [privateAddress] : [privateAddress, publicAddress],
    ),
  };
}

function byName<Spec extends { name: string }, Made>(
  specs: Spec[],
  make: (spec: Spec) => Made,
): Map<string, Made> {
  return new Map(specs.map((spec) => [spec.name, make(spec)]));
}

function found<Made>(made: Map<string, Made>, name: string): Made {
  const one = made.get(name);
  if (one === undefined) throw new Error(`there is no ${name} here`);
  return one;
}
