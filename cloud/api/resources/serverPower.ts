import { type ServerType, serverTypes } from "../../catalogue/serverTypes.ts";
import type { Cloud } from "../cloud.ts";
import { actionReply, type Call, current, type Reply, type Route } from "../collection.ts";
import { ApiError, invalidField, isProtected, requireStopped } from "../errors.ts";
import { boolean, idOrName, means, optional, parse, z } from "../input.ts";
import type { Server } from "../model.ts";
import { renderAction } from "../render.ts";
import { findImage, hashPassword, randomPassword, userDataInput } from "./serverInput.ts";
import type { serverTasks } from "./serverTasks.ts";

/** Changes a server and starts the work that brings it there. */
export function work(
  cloud: Cloud,
  server: Server,
  changes: Partial<Server>,
  task: keyof typeof serverTasks,
  input: object = {},
) {
  const action = cloud.change((tx, act) => {
    tx.put("server", { ...server, ...changes });
    return act({
      command: task,
      resources: [{ id: server.id, type: "server" }],
      task: { name: task, input: { server: server.id, ...input } },
    });
  });
  return current(cloud, action);
}

type Power = (server: Server) => { changes: Partial<Server>; task: keyof typeof serverTasks };

const powers: Record<string, Power> = {
  poweron: ({ status }) => ({
    changes: status === "off" ? { status: "starting" } : {},
    task: "start_server",
  }),
  poweroff: ({ status }) => ({
    changes: status === "running" ? { status: "stopping" } : {},
    task: "stop_server",
  }),
  reset: () => ({ changes: {}, task: "reset_server" }),
  shutdown: () => ({ changes: {}, task: "shutdown_server" }),
  reboot: () => ({ changes: {}, task: "reboot_server" }),
};

/** These speak to the operating system, which must be there to hear it. */
const needRunning = new Set(["shutdown", "reboot"]);

function requirePossible(name: string, server: Server): void {
  if (needRunning.has(name) && server.status !== "running") {
    throw new ApiError("service_error", "server is not running");
  }
}

async function rebuild({ cloud, id, body }: Call): Promise<Reply> {
  if (cloud.get("server", id).protection.rebuild) throw isProtected("server", "rebuilding");
  const input = parse(z.object({ image: idOrName, user_data: optional(userDataInput) }), body);
  const image = findImage(input.image);
  const password = cloud.get("server", id).sshKeys.length > 0 ? null : randomPassword();
  const rootPasswordHash = password === null ? null : await hashPassword(password);
  return cloud.whenFree(
    () => [{ id, type: "server" }],
    () => {
      const server = cloud.get("server", id);
      const userData = input.user_data ?? server.userData;
      const changes: Partial<Server> = {
        status: "rebuilding",
        image: image.name,
        userData,
        rootPasswordHash,
      };
      const action = work(cloud, server, changes, "rebuild_server");
      return { status: 201, body: { action: renderAction(action), root_password: password } };
    },
  );
}

function requireType(server: Server, wanted: number | string): ServerType {
  const type = serverTypes.find((candidate) => means(candidate, wanted));
  if (!type) throw invalidField("server_type", "unknown server type");
  requireStopped(server);
  if (type.name === server.type) {
    throw new ApiError("invalid_server_type", "server already has this server type");
  }
  if (!type.locations.some((location) => location.name === server.location)) {
    throw new ApiError("invalid_input", "unsupported location for server type");
  }
  if (type.disk < server.diskGb) {
    throw new ApiError("invalid_server_type", "the disk of the server type is smaller than the server's");
  }
  return type;
}

async function changeType({ cloud, id, body }: Call): Promise<Reply> {
  cloud.get("server", id);
  const input = parse(z.object({ server_type: idOrName, upgrade_disk: boolean }), body);
  return cloud.whenFree(
    () => [{ id, type: "server" }],
    () => {
      const server = cloud.get("server", id);
      const type = requireType(server, input.server_type);
      const diskGb = input.upgrade_disk ? type.disk : server.diskGb;
      const before = { type: server.type, diskGb: server.diskGb };
      const changes: Partial<Server> = { status: "migrating", type: type.name, diskGb };
      return actionReply(work(cloud, server, changes, "change_server_type", { before }));
    },
  );
}

export const serverPowerRoutes: Route[] = [
  ...Object.entries(powers).map(
    ([name, power]): Route => ({
      method: "POST",
      path: `/servers/:id/actions/${name}`,
      handle: ({ cloud, id }) =>
        cloud.whenFree(
          () => [{ id, type: "server" }],
          () => {
            const server = cloud.get("server", id);
            requirePossible(name, server);
            const { changes, task } = power(server);
            return actionReply(work(cloud, server, changes, task));
          },
        ),
    }),
  ),
  { method: "POST", path: "/servers/:id/actions/rebuild", handle: rebuild },
  { method: "POST", path: "/servers/:id/actions/change_type", handle: changeType },
];
