import type { Task } from "../engine.ts";
import { volumeSpec } from "../specs.ts";

const create: Task<{ volume: number }> = {
  run: async ({ store, hypervisor }, { volume }) => {
    const row = store.get("volume", volume);
    if (!row) return;
    try {
      await hypervisor.createVolume({ ...volumeSpec(row), serverId: null });
    } catch (error) {
      await hypervisor.deleteVolume(volume);
      throw error;
    }
  },
  done: (store, tx, { volume }) => {
    const row = store.get("volume", volume);
    if (row) tx.put("volume", { ...row, status: "available" });
  },
  failed: (_, tx, { volume }) => tx.delete("volume", volume),
};

const attach: Task<{ volume: number; server: number }> = {
  run: async ({ store, hypervisor }, { volume, server }) => {
    const row = store.get("volume", volume);
    if (!row) throw new Error(`volume ${volume} is gone`);
    await hypervisor.attachVolume(volumeSpec(row), server);
  },
  failed: (store, tx, { volume }) => {
    const row = store.get("volume", volume);
    if (row) tx.put("volume", { ...row, server: null });
  },
};

const detach: Task<{ volume: number; server: number }> = {
  run: ({ hypervisor }, { volume }) => hypervisor.detachVolume(volume),
  failed: (store, tx, { volume, server }) => {
    const row = store.get("volume", volume);
    if (row && store.get("server", server)) tx.put("volume", { ...row, server });
  },
};

const resize: Task<{ volume: number; before: number }> = {
  run: async ({ store, hypervisor }, { volume }) => {
    const row = store.get("volume", volume);
    if (row) await hypervisor.resizeVolume(volumeSpec(row));
  },
  failed: (store, tx, { volume, before }) => {
    const row = store.get("volume", volume);
    if (row) tx.put("volume", { ...row, sizeGb: before });
  },
};

const remove: Task<{ volume: number }> = {
  run: ({ hypervisor }, { volume }) => hypervisor.deleteVolume(volume),
  done: (_, tx, { volume }) => tx.delete("volume", volume),
};

export const volumeTasks = {
  create_volume: create,
  attach_volume: attach,
  detach_volume: detach,
  resize_volume: resize,
  delete_volume: remove,
};
