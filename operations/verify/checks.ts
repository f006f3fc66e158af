import type { Check } from "./check.ts";
import { alerts } from "./checks/alerts.ts";
import { archiveGap } from "./checks/archiveGap.ts";
import { archiving } from "./checks/archiving.ts";
import { backup } from "./checks/backup.ts";
import { certificates } from "./checks/certificates.ts";
import { clocks } from "./checks/clocks.ts";
import { drill } from "./checks/drill.ts";
import { dumps } from "./checks/dumps.ts";
import { etcd } from "./checks/etcd.ts";
import { extensions } from "./checks/extensions.ts";
import { cloudFirewall, machineFirewall } from "./checks/firewall.ts";
import { gateways } from "./checks/gateways.ts";
import { loadBalancers } from "./checks/loadBalancers.ts";
import { metrics } from "./checks/metrics.ts";
import { patroni } from "./checks/patroni.ts";
import { pendingRestarts } from "./checks/pendingRestarts.ts";
import { pooler } from "./checks/pooler.ts";
import { recoveryKit } from "./checks/recoveryKit.ts";
import { redis } from "./checks/redis.ts";
import { redisBackup } from "./checks/redisBackup.ts";
import { redisReplica } from "./checks/redisReplica.ts";
import { settings } from "./checks/settings.ts";
import { volumes } from "./checks/volumes.ts";
import { writeAndRead } from "./checks/writeAndRead.ts";

/** Everything that `verify` looks at, in the order in which it is shown. */
export const checks: readonly Check[] = [
  writeAndRead,
  certificates,
  extensions,
  settings,
  pendingRestarts,
  patroni,
  etcd,
  gateways,
  loadBalancers,
  pooler,
  redis,
  redisReplica,
  archiving,
  archiveGap,
  backup,
  redisBackup,
  dumps,
  drill,
  recoveryKit,
  volumes,
  clocks,
  metrics,
  alerts,
  cloudFirewall,
  machineFirewall,
];
