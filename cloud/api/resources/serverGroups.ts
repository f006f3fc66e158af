import type { Cloud } from "../cloud.ts";
import { actionReply, type Call, type Reply, type Route } from "../collection.ts";
import { ApiError, limitExceeded } from "../errors.ts";
import { id as idInput, parse, z } from "../input.ts";
import { limits } from "../limits.ts";

/** @throws ApiError when the group does not exist or is full. */
export function requireGroupRoom(cloud: Cloud, group: number): void {
  cloud.get("placement_group", group);
  if (cloud.view.membersOf(group).length >= limits.serversPerPlacementGroup) {
    throw limitExceeded("servers per placement group", "placement_group_server_limit");
  }
}

async function add({ cloud, id, body }: Call): Promise<Reply> {
  cloud.get("server", id);
  const input = parse(z.object({ placement_group: idInput }), body);
  const server = await cloud.free("server", id);
  if (server.status !== "off") throw new ApiError("server_not_stopped", "server is not stopped");
  if (server.placementGroup !== null) {
    throw new ApiError("service_error", "server is already in a placement group");
  }
  requireGroupRoom(cloud, input.placement_group);
  const action = cloud.change((tx, act) => {
    tx.put("server", { ...server, placementGroup: input.placement_group });
    return act({ command: "add_to_placement_group", resources: [{ id, type: "server" }] });
  });
  return actionReply(action);
}

async function remove({ cloud, id }: Call): Promise<Reply> {
  const server = await cloud.free("server", id);
  if (server.placementGroup === null)
    throw new ApiError("service_error", "server is not in a placement group");
  const action = cloud.change((tx, act) => {
    tx.put("server", { ...server, placementGroup: null });
    return act({ command: "remove_from_placement_group", resources: [{ id, type: "server" }] });
  });
  return actionReply(action);
}

export const serverGroupRoutes: Route[] = [
  { method: "POST", path: "/servers/:id/actions/add_to_placement_group", handle: add },
  { method: "POST", path: "/servers/:id/actions/remove_from_placement_group", handle: remove },
];
