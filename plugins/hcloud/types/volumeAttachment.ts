import type { Action } from "../api/errors.ts";
import type { Operation } from "../operation.ts";
import { collection, ifSet, must, onCodes } from "../parts/collection.ts";
import { bool, type Found, type HcloudType, int } from "../schema.ts";

interface ApiVolume {
  id: number;
  server: number | null;
}

const volumes = collection<ApiVolume>("/volumes", "volume");
const servers = collection<{ id: number }>("/servers", "server");

async function fetched(op: Operation): Promise<Found | null> {
  const volume = await volumes.get(op);
  if (volume === null || volume.server === null) return null;
  const server = await servers.get(op, Number(op.values.serverId ?? 0) || volume.server);
  return server === null ? null : { values: { serverId: volume.server, volumeId: volume.id } };
}

export default {
  token: "hcloud:index/volumeAttachment:VolumeAttachment",
  flavour: "sdk",
  fields: {
    volumeId: int({ required: true, replaces: true }),
    serverId: int({ required: true, replaces: true }),
    automount: bool({ computed: true }),
  },
  async create(op) {
    const { volumeId, serverId, automount } = op.values;
    const path = `/volumes/${volumeId}/actions/attach`;
    const body = { server: serverId, automount: ifSet(automount) };
    const { action } = await op.api.retry(
      () => op.api.post<{ action: Action }>(path, body),
      onCodes("locked"),
    );
    op.made(String(volumeId));
    await op.api.wait(action);
    return must(await fetched(op), `The attachment of volume ${volumeId} to server ${serverId}`).values;
  },
  read: fetched,
  async delete(op) {
    const volume = await volumes.get(op);
    if (volume === null || volume.server === null) return;
    await op.api.retry(() => volumes.act(op, "detach", {}), onCodes("locked"));
  },
} satisfies HcloudType;
