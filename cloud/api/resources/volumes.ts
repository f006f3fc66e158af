import { locations } from "../../catalogue/locations.ts";
import type { Cloud } from "../cloud.ts";
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
  requireRoom,
} from "../collection.ts";
import { timestamp } from "../engine.ts";
import { ApiError, invalidField, isProtected, limitExceeded, notOffered } from "../errors.ts";
import { boolean, id as idInput, idOrName, labels, means, optional, parse, z } from "../input.ts";
import { limits } from "../limits.ts";
import type { ActionResource, Server, Volume } from "../model.ts";
import { renderAction, renderVolume } from "../render.ts";
import type { volumeTasks } from "./volumeTasks.ts";

const collection: Collection<Volume> = {
  path: "volumes",
  key: "volume",
  title: "volume",
  entries: ({ store }) => store.all("volume"),
  render: renderVolume,
  filters: { status: (volume, status) => volume.status === status },
  sort: byNameAndCreated,
};

const volumeName = z
  .string()
  .max(64, "Length must be between 1 and 64.")
  .regex(/^[a-zA-Z0-9](?:[-_.a-zA-Z0-9]*[a-zA-Z0-9])?$/, "Name must start and end with a letter or a digit.");
const size = z
  .int()
  .min(limits.volumeGb.min, `Must be between ${limits.volumeGb.min} and ${limits.volumeGb.max}.`)
  .max(limits.volumeGb.max, `Must be between ${limits.volumeGb.min} and ${limits.volumeGb.max}.`);
const created = z.object({
  name: volumeName,
  size,
  labels: optional(labels),
  location: optional(idOrName),
  server: optional(idInput),
  format: optional(z.enum(["ext4", "xfs"])),
  automount: optional(boolean),
});
const changed = z.object({ name: optional(volumeName), labels: optional(labels) });

function both(server: number, volume: number): ActionResource[] {
  return [
    { id: server, type: "server" },
    { id: volume, type: "volume" },
  ];
}

/** @throws ApiError when the server cannot take one more volume from this place. */
export function requireAttachable(cloud: Cloud, server: Server, location: string): void {
  if (server.location !== location) {
    throw new ApiError("service_error", "volume and server are not in the same location");
  }
  if (cloud.view.volumesOf(server.id).length >= limits.volumesPerServer) {
    throw limitExceeded("volumes per server", "volumes_per_server_limit");
  }
}

function writeVolume(cloud: Cloud, input: z.infer<typeof created>, server: Server | null, location: string) {
  return cloud.change((tx, act) => {
    const volume: Volume = {
      id: tx.newId(),
      name: input.name,
      labels: input.labels ?? {},
      created: timestamp(),
      sizeGb: input.size,
      location,
      format: input.format ?? null,
      status: "creating",
      server: server?.id ?? null,
      protection: { delete: false },
    };
    tx.put("volume", volume);
    const action = act({
      command: "create_volume",
      resources: server ? both(server.id, volume.id) : [{ id: volume.id, type: "volume" }],
      task: { name: "create_volume", input: { volume: volume.id } },
    });
    if (!server) return { volume, action, next: [] };
    const attaching = act({
      command: "attach_volume",
      resources: both(server.id, volume.id),
      task: { name: "attach_volume", input: { volume: volume.id, server: server.id } },
      after: action.id,
    });
    return { volume, action, next: [attaching] };
  });
}

async function createVolume({ cloud, body }: Call): Promise<Reply> {
  const input = parse(created, body);
  if (input.automount) throw notOffered("mounting volumes from outside the machine (automount) is");
  if ((input.location === undefined) === (input.server === undefined)) {
    throw invalidField("location", "Exactly one of location and server must be given.");
  }
  return cloud.whenFree(
    () => (input.server === undefined ? [] : [{ id: input.server, type: "server" }]),
    () => {
      const server = input.server === undefined ? null : cloud.get("server", input.server);
      const wanted = server?.location ?? input.location ?? "";
      const location = locations.find((candidate) => means(candidate, wanted));
      if (!location) throw invalidField("location", "unknown location");
      requireRoom(cloud, "volume", limits.volumes);
      requireFreeName(cloud, "volume", input.name, { what: "volume name" });
      if (server) requireAttachable(cloud, server, location.name);
      const { volume, action, next } = writeVolume(cloud, input, server, location.name);
      return {
        status: 201,
        body: {
          volume: renderVolume(cloud, volume),
          action: renderAction(current(cloud, action)),
          next_actions: next.map(renderAction),
        },
      };
    },
  );
}

async function attachVolume({ cloud, id, body }: Call): Promise<Reply> {
  cloud.get("volume", id);
  const input = parse(z.object({ server: idInput, automount: optional(boolean) }), body);
  if (input.automount) throw notOffered("mounting volumes from outside the machine (automount) is");
  return cloud.whenFree(
    () => both(input.server, id),
    () => {
      const [volume, server] = [cloud.get("volume", id), cloud.get("server", input.server)];
      if (volume.server !== null) {
        throw new ApiError("volume_already_attached", "volume is already attached to a server");
      }
      requireAttachable(cloud, server, volume.location);
      return work(cloud, volume, { server: server.id }, "attach_volume", both(server.id, id), {
        server: server.id,
      });
    },
  );
}

async function detachVolume({ cloud, id }: Call): Promise<Reply> {
  const server = () => cloud.get("volume", id).server;
  return cloud.whenFree(
    () => both(server() ?? 0, id).filter((resource) => resource.id !== 0),
    () => {
      const from = server();
      if (from === null) throw new ApiError("service_error", "volume is not attached to a server");
      return work(cloud, cloud.get("volume", id), { server: null }, "detach_volume", both(from, id), {
        server: from,
      });
    },
  );
}

async function resizeVolume({ cloud, id, body }: Call): Promise<Reply> {
  cloud.get("volume", id);
  const input = parse(z.object({ size }), body);
  return cloud.whenFree(
    () => [{ id, type: "volume" }],
    () => {
      const volume = cloud.get("volume", id);
      if (input.size <= volume.sizeGb) throw invalidField("size", "must be larger than the current size");
      return work(cloud, volume, { sizeGb: input.size }, "resize_volume", [{ id, type: "volume" }], {
        before: volume.sizeGb,
      });
    },
  );
}

async function deleteVolume({ cloud, id }: Call): Promise<Reply> {
  const action = await cloud.whenFree(
    () => [{ id, type: "volume" }],
    () => {
      const volume = cloud.get("volume", id);
      if (volume.protection.delete) throw isProtected("volume", "deletion");
      if (volume.server !== null) {
        throw new ApiError("service_error", `volume with ID '${id}' is still attached to a server`);
      }
      return cloud.change((_, act) =>
        act({
          command: "delete_volume",
          resources: [{ id, type: "volume" }],
          task: { name: "delete_volume", input: { volume: id } },
        }),
      );
    },
  );
  await cloud.finished(action);
  return { status: 204 };
}

/** Changes a volume and starts the work that brings it there. */
function work(
  cloud: Cloud,
  volume: Volume,
  changes: Partial<Volume>,
  task: keyof typeof volumeTasks,
  resources: ActionResource[],
  input: object,
): Reply {
  const action = cloud.change((tx, act) => {
    tx.put("volume", { ...volume, ...changes });
    return act({ command: task, resources, task: { name: task, input: { volume: volume.id, ...input } } });
  });
  return actionReply(current(cloud, action));
}

export const volumeRoutes: Route[] = [
  ...readRoutes(collection),
  ...actionRoutes("volume", "volumes"),
  { method: "POST", path: "/volumes", handle: createVolume },
  {
    method: "PUT",
    path: "/volumes/:id",
    handle: ({ cloud, id, body }) => {
      const volume = cloud.get("volume", id);
      const input = parse(changed, body);
      if (input.name !== undefined)
        requireFreeName(cloud, "volume", input.name, { what: "volume name", except: id });
      const renamed = { ...volume, name: input.name ?? volume.name, labels: input.labels ?? volume.labels };
      cloud.change((tx) => tx.put("volume", renamed));
      return { status: 200, body: { volume: renderVolume(cloud, renamed) } };
    },
  },
  { method: "DELETE", path: "/volumes/:id", handle: deleteVolume },
  { method: "POST", path: "/volumes/:id/actions/attach", handle: attachVolume },
  { method: "POST", path: "/volumes/:id/actions/detach", handle: detachVolume },
  { method: "POST", path: "/volumes/:id/actions/resize", handle: resizeVolume },
  {
    method: "POST",
    path: "/volumes/:id/actions/change_protection",
    handle: ({ cloud, id, body }) => {
      const volume = cloud.get("volume", id);
      const input = parse(z.object({ delete: optional(boolean) }), body);
      const action = cloud.change((tx, act) => {
        tx.put("volume", { ...volume, protection: { delete: input.delete ?? volume.protection.delete } });
        return act({ command: "change_protection", resources: [{ id, type: "volume" }] });
      });
      return actionReply(action);
    },
  },
];
