import type { Route } from "../collection.ts";
import { ApiError, notFound } from "../errors.ts";
import { paginate, readPage } from "../listing.ts";

/** Products of Hetzner that this cloud does not have. A project without any: lists are empty, creating is refused. */
const products: { path: string; title: string; plural: string; created: boolean }[] = [
  { path: "floating_ips", title: "floating IP", plural: "Floating IPs", created: true },
  { path: "storage_boxes", title: "storage box", plural: "Storage Boxes", created: true },
  { path: "storage_box_types", title: "storage box type", plural: "Storage Boxes", created: false },
  { path: "isos", title: "ISO", plural: "ISOs", created: false },
];

/** Removed by Hetzner on 2026-07-01; locations took its place. */
const removed: Route["handle"] = () => {
  throw new ApiError("deprecated_api_endpoint", "API functionality was removed", {
    details: { announcement: "https://docs.hetzner.cloud/changelog#2026-07-01-removing-datacenters" },
  });
};

export const notOfferedRoutes: Route[] = [
  { method: "GET", path: "/datacenters", handle: removed },
  { method: "GET", path: "/datacenters/:id", handle: removed },
  ...products.flatMap(({ path, title, plural, created }): Route[] => [
    {
      method: "GET",
      path: `/${path}`,
      handle: ({ query }) => {
        const { entries, pagination } = paginate([], readPage(query));
        return { status: 200, body: { [path]: entries, meta: { pagination } } };
      },
    },
    {
      method: "GET",
      path: `/${path}/:id`,
      handle: ({ id }) => {
        throw notFound(title, id);
      },
    },
    ...(created
      ? [
          {
            method: "POST" as const,
            path: `/${path}`,
            handle: () => {
              throw new ApiError("unavailable", `${plural} are not available in this cloud`);
            },
          },
        ]
      : []),
  ]),
];
