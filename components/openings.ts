import type { Opening } from "../roles/firewall.ts";
import { PORTS } from "../roles/paths.ts";
import { addressesOf, cachesThrough } from "./lookup.ts";
import type { CacheSpec, DataLayerSpec, MachineRole, MachineSpec } from "./spec.ts";

const poolers = [PORTS.pgbouncer, PORTS.pgbouncerRead];

/** An opening that goes with some roles, whichever of them a machine carries. */
type RoleOpening = Opening & { roles: MachineRole[] };

/** Who may reach what on a machine: operators and clients from outside, inside each role its own peers alone. */
export function openings(
  machine: MachineSpec,
  layer: DataLayerSpec,
): { public: Opening[]; private: Opening[] } {
  const { access } = layer;
  const carries = ({ roles }: RoleOpening) => roles.some((role) => machine.roles.includes(role));
  const plain = ({ name, ports, peers }: RoleOpening): Opening => ({ name, ports, peers });
  const caches = cachesThrough(machine, layer).map(() => PORTS.redis);
  const outside: RoleOpening[] = [
    { roles: ["pgbouncer"], name: "PgBouncer", ports: poolers, peers: access.database },
    { roles: ["haproxy"], name: "Redis", ports: caches, peers: access.database },
  ];
  return {
    public: [
      { name: "SSH", ports: [PORTS.ssh], peers: access.operators },
      ...outside
        .filter(carries)
        .filter(({ ports }) => ports.length > 0)
        .map(plain),
    ],
    private: [
      ...inside(machine, layer).filter(carries).map(plain),
      ...measured(layer),
      ...watched(machine, layer),
    ],
  };
}

/** The exporters' ports, whichever of them the machine has. */
const exporters = [
  PORTS.nodeExporter,
  PORTS.postgresExporter,
  PORTS.pgbouncerExporter,
  PORTS.pgbouncerReadExporter,
  PORTS.redisExporter,
];

function measured({ metrics }: DataLayerSpec): Opening[] {
  if (metrics === null || metrics.peers.length === 0) return [];
  return [{ name: "metrics", ports: exporters, peers: metrics.peers }];
}

/** The stack's own Prometheus. */
function watched(machine: MachineSpec, layer: DataLayerSpec): Opening[] {
  if (layer.alerts === null || layer.alerts.machine === machine.name) return [];
  return [{ name: "alerts", ports: exporters, peers: addressesOf([layer.alerts.machine], layer) }];
}

function inside(machine: MachineSpec, layer: DataLayerSpec): RoleOpening[] {
  const { access, clusters, consensus, loadBalancers } = layer;
  const own = clusters.filter((each) => each.members.includes(machine.name));
  const around = own.flatMap((each) => [...each.members, ...each.gateways]);
  const everyMember = clusters.flatMap((each) => each.members);
  const gateways = clusters.flatMap((each) => each.gateways);
  const peers = (names: string[]) =>
    addressesOf([...new Set(names)], layer).filter((address) => address !== machine.privateAddress);
  const inFront = loadBalancers
    .filter((balancer) => balancer.machines.includes(machine.name))
    .map((balancer) => balancer.privateAddress);
  const applicationPorts = layer.applications
    .filter((application) => application.machines.includes(machine.name))
    .map((application) => application.port);
  return [
    { roles: ["application"], name: "application", ports: applicationPorts, peers: inFront },
    { roles: ["pgbouncer"], name: "PgBouncer", ports: poolers, peers: [...access.applications, ...inFront] },
    ...cacheOpenings(machine, layer, inFront, peers),
    { roles: ["patroni"], name: "PostgreSQL", ports: [PORTS.postgres], peers: peers(around) },
    {
      roles: ["pgbackrest"],
      name: "backups",
      ports: [PORTS.pgbackrest],
      peers: peers(own.flatMap((each) => each.members)),
    },
    { roles: ["patroni"], name: "read gate", ports: [PORTS.readGate], peers: peers(around) },
    { roles: ["patroni"], name: "Patroni", ports: [PORTS.patroni], peers: peers(around) },
    {
      roles: ["patroni", "pgbouncer"],
      name: "switchover",
      ports: [PORTS.switchover],
      peers: peers(gateways),
    },
    {
      roles: ["etcd"],
      name: "etcd",
      ports: [PORTS.etcdClient],
      peers: peers([...everyMember, ...consensus.members]),
    },
    { roles: ["etcd"], name: "etcd peers", ports: [PORTS.etcdPeer], peers: peers(consensus.members) },
  ];
}

/** Clients come by the gateways, or straight to the primary that a Sentinel names. */
function cacheOpenings(
  machine: MachineSpec,
  layer: DataLayerSpec,
  inFront: string[],
  peers: (names: string[]) => string[],
): RoleOpening[] {
  const { applications } = layer.access;
  const through = cachesThrough(machine, layer).length > 0;
  const own = layer.caches.filter((cache) => cache.machines.includes(machine.name));
  const watched = layer.caches.filter((cache) => cache.sentinels.includes(machine.name));
  const around = (caches: CacheSpec[]) =>
    peers(caches.flatMap(({ gateways, machines, sentinels }) => [...machines, ...gateways, ...sentinels]));
  const direct = own.some((cache) => cache.sentinels.length > 0) ? applications : [];
  return [
    ...(through
      ? [
          {
            roles: ["haproxy"] satisfies MachineRole[],
            name: "cache",
            ports: [PORTS.redis],
            peers: [...applications, ...inFront],
          },
        ]
      : []),
    { roles: ["redis"], name: "Redis", ports: [PORTS.redisServer], peers: [...around(own), ...direct] },
    {
      roles: ["sentinel"],
      name: "Sentinel",
      ports: [PORTS.sentinel],
      peers: [...around(watched), ...applications],
    },
  ];
}
