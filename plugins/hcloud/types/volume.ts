import { type Action, ActionError } from "../api/errors.ts";
import type { Operation } from "../operation.ts";
import {
  collection,
  ifSet,
  mayPass,
  must,
  onCodes,
  protect,
  put,
  runSteps,
  type Step,
  unlessGone,
} from "../parts/collection.ts";
import { labels } from "../parts/fields.ts";
import { bool, type HcloudType, int, string, type Values } from "../schema.ts";

interface ApiVolume {
  id: number;
  name: string;
  size: number;
  location: { name: string };
  labels: Record<string, string>;
  linux_device: string;
  protection: { delete: boolean };
  server: number | null;
}

const volumes = collection<ApiVolume>("/volumes", "volume");

const steps: Step<ApiVolume>[] = [
  put(volumes, "name"),
  { when: ["serverId"], run: moveToServer },
  { when: ["size"], run: (op) => volumes.act(op, "resize", { size: op.values.size }) },
  put(volumes, "labels"),
  protect(volumes),
];

async function moveToServer(op: Operation, volume: ApiVolume): Promise<void> {
  if (volume.server !== null) await detach(op);
  if (ifSet(op.values.serverId) !== undefined) await attach(op);
}

async function attach(op: Operation): Promise<void> {
  const body = { server: op.values.serverId, automount: ifSet(op.values.automount) };
  await op.api.retry(() => volumes.act(op, "attach", body), mayPass);
}

async function detach(op: Operation): Promise<void> {
  await op.api.retry(() => unlessGone(() => volumes.act(op, "detach", {})), mayPass);
}

/** The API refuses a second volume for a server that is just getting its first: that passes. */
async function waitForNext(op: Operation, action: Action): Promise<void> {
  try {
    await op.api.wait(action);
  } catch (error) {
    const locked = error instanceof ActionError && error.message.includes("locked");
    if (action.command !== "attach_volume" || !locked) throw error;
    await attach(op);
  }
}

async function fetched(op: Operation): Promise<Values> {
  return values(must(await volumes.get(op), `Volume ${op.id}`));
}

function values(volume: ApiVolume): Values {
  return {
    name: volume.name,
    size: volume.size,
    location: volume.location.name,
    labels: volume.labels,
    linuxDevice: volume.linux_device,
    deleteProtection: volume.protection.delete,
    // Left out where there is none: the official provider then keeps what it knew.
    ...(volume.server !== null && { serverId: volume.server }),
  };
}

export default {
  token: "hcloud:index/volume:Volume",
  flavour: "sdk",
  fields: {
    name: string({ required: true, autoName: true }),
    size: int({ required: true }),
    location: string({ computed: true, replaces: true }),
    serverId: int({ computed: true }),
    labels: labels(),
    linuxDevice: string({ output: true, computed: true }),
    automount: bool(),
    format: string(),
    deleteProtection: bool({ default: false }),
  },
  async create(op) {
    const { name, size, location, serverId, automount, format } = op.values;
    const answer = await op.api.retry(
      () =>
        op.api.post<{ volume: ApiVolume; action: Action; next_actions?: Action[] }>("/volumes", {
          name,
          size,
          server: ifSet(serverId),
          location: ifSet(location),
          labels: ifSet(op.values.labels),
          automount: ifSet(automount),
          format: ifSet(format),
        }),
      onCodes("locked"),
    );
    op.made(answer.volume.id);
    await op.api.wait(answer.action);
    for (const action of answer.next_actions ?? []) await waitForNext(op, action);
    if (op.values.deleteProtection === true) await volumes.act(op, "change_protection", { delete: true });
    return await fetched(op);
  },
  async read(op) {
    const found = await volumes.get(op);
    return found === null ? null : { values: values(found) };
  },
  async update(op) {
    await runSteps(op, must(await volumes.get(op), `Volume ${op.id}`), steps);
    return await fetched(op);
  },
  async delete(op) {
    const volume = await volumes.get(op);
    if (volume === null) return;
    if (volume.server !== null) await detach(op);
    await op.api.retry(() => unlessGone(() => volumes.delete(op)), mayPass);
  },
} satisfies HcloudType;
