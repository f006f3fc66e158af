import type { Cloud } from "../cloud.ts";
import { actionReply, type Call, type Reply, type Route } from "../collection.ts";
import { ApiError, limitExceeded, requireStopped } from "../errors.ts";
import { id as idInput, parse, z } from "../input.ts";
import { limits } from "../limits.ts";
import type { Server } from "../model.ts";

/** @throws ApiError when the group does not exist or is full. */
export function requireGroupRoom(cloud: Cloud, group: number): void {
  cloud.get("placement_group", group);
  if (cloud.view.membersOf(group).length >= limits.serversPerPlacementGroup) {
    throw limitExceeded("servers per placement group", "placement_group_server_limit");
  }
}

function regroup(cloud: Cloud, server: Server, placementGroup: number | null, command: string): Reply {
  const action = cloud.change((tx, act) => {
    tx.put("server", { ...server, placementGroup });
    return act({ command, resources: [{ id: server.id, type: "server" }] });
  });
  return actionReply(action);
}

async function add({ cloud, id, body }: Call): Promise<Reply> {
  cloud.get("server", id);
  const input = parse(z.object({ placement_group: idInput }), body);
  return cloud.whenFree(
    () => [{ id, type: "server" }],
    () => {
      const server = cloud.get("server", id);
      requireStopped(server);
      if (server.placementGroup !== null) {
        throw new ApiError("service_error", "server is already in a placement group");
      }
      requireGroupRoom(cloud, input.placement_group);
      return regroup(cloud, server, input.placement_group, "add_to_placement_group");
    },
  );
}

async function remove({ cloud, id }: Call): Promise<Reply> {
  return cloud.whenFree(
    () => [{ id, type: "server" }],
    () => {
      const server = cloud.get("server", id);
      if (server.placementGroup === null) {
        throw new ApiError("service_error", "server is not in a placement group");
      }
      return regroup(cloud, server, null, "remove_from_placement_group");
    },
  );
}

export const serverGroupRoutes: Route[] = [
  { method: "POST", path: "/servers/:id/actions/add_to_placement_group", handle: add },
  { method: "POST", path: "/servers/:id/actions/remove_from_placement_group", handle: remove },
];
