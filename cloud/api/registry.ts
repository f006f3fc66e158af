import { globalActionRoutes, type Route } from "./collection.ts";
import type { Tasks } from "./engine.ts";
import { catalogueRoutes } from "./resources/catalogue.ts";
import { certificateRoutes } from "./resources/certificates.ts";
import { firewallRoutes, firewallTasks } from "./resources/firewalls.ts";
import { loadBalancerRoutes, loadBalancerTasks } from "./resources/loadBalancers.ts";
import { networkRoutes, networkTasks } from "./resources/networks.ts";
import { notOfferedRoutes } from "./resources/notOffered.ts";
import { placementGroupRoutes } from "./resources/placementGroups.ts";
import { primaryIpRoutes, primaryIpTasks } from "./resources/primaryIps.ts";
import { serverRoutes } from "./resources/servers.ts";
import { serverTasks } from "./resources/serverTasks.ts";
import { sshKeyRoutes } from "./resources/sshKeys.ts";
import { volumeRoutes } from "./resources/volumes.ts";
import { volumeTasks } from "./resources/volumeTasks.ts";
import { zoneRoutes } from "./resources/zones.ts";

/** All that the API answers. A new resource adds its routes and its tasks here, and nowhere else. */
export const routes: readonly Route[] = [
  ...globalActionRoutes(),
  ...catalogueRoutes,
  ...serverRoutes,
  ...sshKeyRoutes,
  ...networkRoutes,
  ...volumeRoutes,
  ...firewallRoutes,
  ...loadBalancerRoutes,
  ...certificateRoutes,
  ...zoneRoutes,
  ...placementGroupRoutes,
  ...primaryIpRoutes,
  ...notOfferedRoutes,
];

export const tasks: Tasks = {
  ...serverTasks,
  ...networkTasks,
  ...volumeTasks,
  ...firewallTasks,
  ...loadBalancerTasks,
  ...primaryIpTasks,
};
