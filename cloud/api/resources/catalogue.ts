import { images } from "../../catalogue/images.ts";
import { loadBalancerTypes } from "../../catalogue/loadBalancerTypes.ts";
import { locations } from "../../catalogue/locations.ts";
import { pricing } from "../../catalogue/pricing.ts";
import { serverTypes } from "../../catalogue/serverTypes.ts";
import { type Collection, listReply, type Route, readReply, readRoutes } from "../collection.ts";
import { flag } from "../listing.ts";

/** Something that is only read and rendered as it is kept. */
function fixed<T extends { id: number; name: string }>(
  path: string,
  key: string,
  title: string,
  entries: readonly T[],
): Collection<T> {
  return {
    path,
    key,
    title,
    entries: () => entries,
    render: (_, entry) => entry,
    sort: { id: (entry) => entry.id, name: (entry) => entry.name },
  };
}

const imageCollection: Collection<(typeof images)[number]> = {
  ...fixed("images", "image", "image", images),
  entries: (_, query) =>
    images.filter((image) => image.deprecated === null || flag(query, "include_deprecated")),
  filters: {
    type: (image, type) => image.type === type,
    status: (image, status) => image.status === status,
    architecture: (image, architecture) => image.architecture === architecture,
    bound_to: () => false,
  },
  sort: { id: (image) => image.id, name: (image) => image.name, created: (image) => image.created },
};

/** What is for sale. */
export const catalogueRoutes: Route[] = [
  ...readRoutes(fixed("locations", "location", "location", locations)),
  ...readRoutes(fixed("server_types", "server_type", "server type", serverTypes)),
  ...readRoutes(fixed("load_balancer_types", "load_balancer_type", "load balancer type", loadBalancerTypes)),
  { method: "GET", path: "/images", handle: (call) => listReply(imageCollection, call) },
  {
    method: "GET",
    path: "/images/:id",
    handle: (call) => readReply({ ...imageCollection, entries: () => images }, call, call.id),
  },
  { method: "GET", path: "/pricing", handle: () => ({ status: 200, body: { pricing } }) },
];
