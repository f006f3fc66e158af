import {
  byNameAndCreated,
  type Collection,
  type Route,
  readRoutes,
  requireFreeName,
  requireRoom,
} from "../collection.ts";
import { timestamp } from "../engine.ts";
import { ApiError } from "../errors.ts";
import { labels, name, optional, parse, z } from "../input.ts";
import { limits } from "../limits.ts";
import type { PlacementGroup } from "../model.ts";
import { renderPlacementGroup } from "../render.ts";

const collection: Collection<PlacementGroup> = {
  path: "placement_groups",
  key: "placement_group",
  title: "placement group",
  entries: ({ store }) => store.all("placement_group"),
  render: renderPlacementGroup,
  filters: { type: (group, type) => group.type === type },
  sort: byNameAndCreated,
};

const created = z.object({ name, type: z.enum(["spread"]), labels: optional(labels) });
const changed = z.object({ name: optional(name), labels: optional(labels) });

/** Groups are kept and counted; all machines stand on one host, so spreading them means nothing here. */
export const placementGroupRoutes: Route[] = [
  ...readRoutes(collection),
  {
    method: "POST",
    path: "/placement_groups",
    handle: ({ cloud, body }) => {
      const input = parse(created, body);
      requireRoom(cloud, "placement_group", limits.placementGroups);
      requireFreeName(cloud, "placement_group", input.name);
      const group = cloud.change((tx) => {
        const group: PlacementGroup = {
          id: tx.newId(),
          name: input.name,
          labels: input.labels ?? {},
          created: timestamp(),
          type: input.type,
        };
        tx.put("placement_group", group);
        return group;
      });
      return { status: 201, body: { placement_group: renderPlacementGroup(cloud, group), action: null } };
    },
  },
  {
    method: "PUT",
    path: "/placement_groups/:id",
    handle: ({ cloud, id, body }) => {
      const group = cloud.get("placement_group", id);
      const input = parse(changed, body);
      if (input.name !== undefined) requireFreeName(cloud, "placement_group", input.name, { except: id });
      const renamed = { ...group, name: input.name ?? group.name, labels: input.labels ?? group.labels };
      cloud.change((tx) => tx.put("placement_group", renamed));
      return { status: 200, body: { placement_group: renderPlacementGroup(cloud, renamed) } };
    },
  },
  {
    method: "DELETE",
    path: "/placement_groups/:id",
    handle: ({ cloud, id }) => {
      cloud.get("placement_group", id);
      if (cloud.view.membersOf(id).length > 0) {
        throw new ApiError("resource_in_use", `placement group with ID ${id} is still in use`);
      }
      cloud.change((tx) => tx.delete("placement_group", id));
      return { status: 204 };
    },
  },
];
