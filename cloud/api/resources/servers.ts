import {
  actionReply,
  actionRoutes,
  byNameAndCreated,
  type Call,
  type Collection,
  current,
  type Reply,
  type Route,
  readRoutes,
  requireFreeName,
} from "../collection.ts";
import { isProtected, notOffered } from "../errors.ts";
import { boolean, hostname, labels, optional, parse, z } from "../input.ts";
import type { ActionResource, Server } from "../model.ts";
import { renderAction, renderServer } from "../render.ts";
import { applyDifference, holding } from "./firewalls.ts";
import { createServer } from "./serverCreate.ts";
import { serverGroupRoutes } from "./serverGroups.ts";
import { serverNetworkRoutes } from "./serverNetworks.ts";
import { serverPowerRoutes } from "./serverPower.ts";

const collection: Collection<Server> = {
  path: "servers",
  key: "server",
  title: "server",
  entries: ({ store }) => store.all("server"),
  render: renderServer,
  filters: { status: (server, status) => server.status === status },
  sort: byNameAndCreated,
};

const changed = z.object({ name: optional(hostname), labels: optional(labels) });

/** Label selectors of firewalls may begin or cease to match. */
function update({ cloud, id, body }: Call): Reply {
  const server = cloud.get("server", id);
  const input = parse(changed, body);
  if (input.name !== undefined)
    requireFreeName(cloud, "server", input.name, { what: "server name", except: id });
  const renamed = { ...server, name: input.name ?? server.name, labels: input.labels ?? server.labels };
  const before = holding(cloud);
  cloud.change((tx, act) => {
    tx.put("server", renamed);
    applyDifference(cloud, act, before);
  });
  return { status: 200, body: { server: renderServer(cloud, renamed) } };
}

async function remove({ cloud, id }: Call): Promise<Reply> {
  if (cloud.get("server", id).protection.delete) throw isProtected("server", "deletion");
  const all = (): ActionResource[] => [
    { id, type: "server" },
    ...cloud.view.volumesOf(id).map((volume): ActionResource => ({ id: volume, type: "volume" })),
  ];
  const action = await cloud.whenFree(all, () =>
    cloud.change((tx, act) => {
      tx.put("server", { ...cloud.get("server", id), status: "deleting", powered: false });
      return act({
        command: "delete_server",
        resources: all(),
        task: { name: "delete_server", input: { server: id } },
      });
    }),
  );
  return { status: 200, body: { action: renderAction(current(cloud, action)) } };
}

function changeProtection({ cloud, id, body }: Call): Reply {
  const server = cloud.get("server", id);
  const input = parse(z.object({ delete: optional(boolean), rebuild: optional(boolean) }), body);
  const protection = {
    delete: input.delete ?? server.protection.delete,
    rebuild: input.rebuild ?? server.protection.rebuild,
  };
  const action = cloud.change((tx, act) => {
    tx.put("server", { ...server, protection });
    return act({ command: "change_protection", resources: [{ id, type: "server" }] });
  });
  return actionReply(action);
}

/** What Hetzner offers and these machines do not have: refused. */
const refused: Record<string, string> = {
  enable_backup: "backups are",
  create_image: "snapshots and backups are",
  enable_rescue: "the rescue system is",
  attach_iso: "ISO images are",
  request_console: "the VNC console is",
  reset_password: "resetting the root password is",
  change_dns_ptr: "reverse DNS entries are",
};

/** To take away what there never is succeeds at once, as at Hetzner. */
const alreadyDone = ["disable_backup", "disable_rescue", "detach_iso"];

export const serverRoutes: Route[] = [
  ...readRoutes(collection),
  ...actionRoutes("server", "servers"),
  { method: "POST", path: "/servers", handle: createServer },
  { method: "PUT", path: "/servers/:id", handle: update },
  { method: "DELETE", path: "/servers/:id", handle: remove },
  { method: "POST", path: "/servers/:id/actions/change_protection", handle: changeProtection },
  ...serverPowerRoutes,
  ...serverNetworkRoutes,
  ...serverGroupRoutes,
  ...Object.entries(refused).map(
    ([name, what]): Route => ({
      method: "POST",
      path: `/servers/:id/actions/${name}`,
      handle: ({ cloud, id }) => {
        cloud.get("server", id);
        throw notOffered(what);
      },
    }),
  ),
  ...alreadyDone.map(
    (command): Route => ({
      method: "POST",
      path: `/servers/:id/actions/${command}`,
      handle: ({ cloud, id }) => {
        cloud.get("server", id);
        return actionReply(cloud.change((_, act) => act({ command, resources: [{ id, type: "server" }] })));
      },
    }),
  ),
  {
    method: "GET",
    path: "/servers/:id/metrics",
    handle: ({ cloud, id }) => {
      cloud.get("server", id);
      throw notOffered("metrics are");
    },
  },
];
