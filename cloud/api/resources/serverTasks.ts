import type { CloudStore, Context, Task, Tx } from "../engine.ts";
import { ApiError } from "../errors.ts";
import type { Server } from "../model.ts";
import { serverSpec } from "../specs.ts";
import { releaseAddresses } from "./primaryIps.ts";

interface ServerInput {
  server: number;
}

function spec({ store }: Context, id: number) {
  const server = store.get("server", id);
  if (!server) throw new Error(`server ${id} is gone`);
  return serverSpec(store, server);
}

function update(store: CloudStore, tx: Tx, id: number, changes: Partial<Server>): void {
  const server = store.get("server", id);
  if (server) tx.put("server", { ...server, ...changes });
}

/** Forgets a server: its volumes and addresses are free, or gone where they were made for it alone. */
function forget(store: CloudStore, tx: Tx, id: number): void {
  for (const volume of store.all("volume")) {
    if (volume.server === id) tx.put("volume", { ...volume, server: null });
  }
  releaseAddresses(store, tx, id);
  for (const firewall of store.all("firewall")) {
    const appliedTo = firewall.appliedTo.filter((target) => target.type !== "server" || target.server !== id);
    if (appliedTo.length !== firewall.appliedTo.length) tx.put("firewall", { ...firewall, appliedTo });
  }
  for (const balancer of store.all("load_balancer")) {
    const targets = balancer.targets.filter((target) => target.type !== "server" || target.server !== id);
    if (targets.length !== balancer.targets.length) tx.put("load_balancer", { ...balancer, targets });
  }
  tx.delete("server", id);
}

async function wipe({ store, hypervisor }: Context, server: number): Promise<void> {
  await hypervisor.powerOff(server);
  for (const volume of store.all("volume")) {
    if (volume.server === server) await hypervisor.detachVolume(volume.id);
  }
  await hypervisor.deleteServer(server);
}

/** What a server is made of; one that cannot be made leaves nothing behind. */
const create: Task<ServerInput> = {
  run: async (context, { server }) => {
    try {
      await context.hypervisor.createServer({ ...spec(context, server), running: false });
    } catch (error) {
      await wipe(context, server);
      throw error;
    }
  },
  done: (store, tx, { server }) => update(store, tx, server, { status: "off" }),
  failed: (store, tx, { server }) => forget(store, tx, server),
};

const start: Task<ServerInput> = {
  run: async (context, { server }) => {
    const wanted = spec(context, server);
    if (wanted.ipv4 === null && wanted.ipv6 === null && wanted.networks.length === 0) {
      throw new ApiError(
        "invalid_input",
        "no public or private network interfaces found, cannot start server",
      );
    }
    await context.hypervisor.powerOn({ ...wanted, running: true });
  },
  done: (store, tx, { server }) => update(store, tx, server, { status: "running", powered: true }),
  failed: (store, tx, { server }) => update(store, tx, server, { status: "off", powered: false }),
};

const stop: Task<ServerInput> = {
  run: ({ hypervisor }, { server }) => hypervisor.powerOff(server),
  done: (store, tx, { server }) => update(store, tx, server, { status: "off", powered: false }),
  failed: (store, tx, { server }) => update(store, tx, server, { status: "running", powered: true }),
};

const reset: Task<ServerInput> = {
  run: async (context, { server }) => {
    await context.hypervisor.powerOff(server);
    await context.hypervisor.powerOn({ ...spec(context, server), running: true });
  },
  done: (store, tx, { server }) => update(store, tx, server, { status: "running", powered: true }),
  failed: (store, tx, { server }) => update(store, tx, server, { status: "off", powered: false }),
};

/** The action only says that the machine was asked; that it went off is found out by watching it. */
const shutdown: Task<ServerInput> = { run: ({ hypervisor }, { server }) => hypervisor.shutdown(server) };

const reboot: Task<ServerInput> = {
  run: (context, { server }) => context.hypervisor.reboot(spec(context, server)),
};

const rebuild: Task<ServerInput> = {
  run: (context, { server }) => context.hypervisor.rebuild({ ...spec(context, server), running: true }),
  done: (store, tx, { server }) => update(store, tx, server, { status: "running", powered: true }),
  failed: (store, tx, { server }) => update(store, tx, server, { status: "off", powered: false }),
};

const changeType: Task<ServerInput & { before: Pick<Server, "type" | "diskGb"> }> = {
  run: (context, { server }) => context.hypervisor.setLimits(spec(context, server)),
  done: (store, tx, { server }) => update(store, tx, server, { status: "off" }),
  failed: (store, tx, { server, before }) => update(store, tx, server, { ...before, status: "off" }),
};

const remove: Task<ServerInput> = {
  run: async (context, { server }) => {
    if (context.store.get("server", server)) await wipe(context, server);
  },
  done: (store, tx, { server }) => forget(store, tx, server),
  failed: (store, tx, { server }) => update(store, tx, server, { status: "off", powered: false }),
};

interface NetworkInput extends ServerInput {
  network: number;
}

function restoreNet(
  store: CloudStore,
  tx: Tx,
  { server, network }: NetworkInput,
  before: Server["privateNet"],
): void {
  const row = store.get("server", server);
  if (!row) return;
  const others = row.privateNet.filter((net) => net.network !== network);
  update(store, tx, server, { privateNet: [...others, ...before.filter((net) => net.network === network)] });
}

/** Attaches a server to a network, or brings changed addresses there. */
const attach: Task<NetworkInput & { before: Server["privateNet"] }> = {
  run: async (context, { server, network }) => {
    const attachment = spec(context, server).networks.find((net) => net.networkId === network);
    if (attachment) await context.hypervisor.attachNetwork(server, attachment);
  },
  failed: (store, tx, input) => restoreNet(store, tx, input, input.before),
};

const detach: Task<NetworkInput & { before: Server["privateNet"] }> = {
  run: ({ hypervisor }, { server, network }) => hypervisor.detachNetwork(server, network),
  failed: (store, tx, input) => restoreNet(store, tx, input, input.before),
};

export const serverTasks = {
  create_server: create,
  start_server: start,
  stop_server: stop,
  reset_server: reset,
  shutdown_server: shutdown,
  reboot_server: reboot,
  rebuild_server: rebuild,
  change_server_type: changeType,
  delete_server: remove,
  attach_to_network: attach,
  detach_from_network: detach,
};
