import type { Operation } from "../operation.ts";
import { collection } from "./collection.ts";

interface ApiServerType {
  id: number;
  name: string;
  architecture: string;
  deprecation?: Deprecation | null;
}

interface ApiImage {
  id: number;
  name: string | null;
  deprecated?: string | null;
}

interface Deprecation {
  announced: string;
  unavailable_after: string;
}

interface ApiIso {
  id: number;
  name: string;
  architecture?: string | null;
}

const sshKeys = collection<{ id: number }>("/ssh_keys", "ssh_key");
const groups = collection<{ id: number }>("/placement_groups", "placement_group");
const isos = collection<ApiIso>("/isos", "iso");

/** How long an image can be ordered after its deprecation was announced. */
const IMAGE_MONTHS = 3;

/** The ids of the image and of all else that a new server names; each must be there and orderable. */
export async function orderParts(
  op: Operation,
): Promise<{ image: number; keys: number[]; group: number | null }> {
  const serverType = await findServerType(op, String(op.values.serverType));
  const image = await findImage(op, String(op.values.image ?? ""), serverType.architecture);
  const keys = await keyIds(op);
  const wanted = Number(op.values.placementGroupId ?? 0);
  return { image: image.id, keys, group: wanted === 0 ? null : await groupId(op, wanted) };
}

export async function keyIds(op: Operation): Promise<number[]> {
  const ids: number[] = [];
  for (const name of (op.values.sshKeys ?? []) as string[]) {
    const key = await sshKeys.getByIdOrName(op, name);
    if (key === null) throw new Error(`SSH key not found: ${name}`);
    ids.push(key.id);
  }
  return ids;
}

export async function groupId(op: Operation, id: number): Promise<number> {
  const group = await groups.get(op, id);
  if (group === null) throw new Error(`placement group not found: ${id}`);
  return group.id;
}

export async function findIso(op: Operation, name: string, architecture: string): Promise<ApiIso> {
  const iso = await isos.getByIdOrName(op, name);
  if (iso === null) throw new Error(`ISO not found: ${name}`);
  if (iso.architecture && iso.architecture !== architecture) {
    throw new Error(`The ISO ${name} is for ${iso.architecture}, the server is ${architecture}.`);
  }
  return iso;
}

async function findServerType(op: Operation, name: string): Promise<ApiServerType> {
  const byId = /^\d+$/.test(name);
  const answer = byId
    ? await op.api.find<{ server_type: ApiServerType }>(`/server_types/${name}`)
    : await op.api.get<{ server_types: ApiServerType[] }>("/server_types", { name });
  const found =
    answer === null ? undefined : "server_type" in answer ? answer.server_type : answer.server_types[0];
  if (found === undefined) throw new Error(`server type ${name} not found`);
  const end = found.deprecation?.unavailable_after;
  if (end !== undefined) refuseAfter(op, `Server type "${found.name}"`, new Date(end));
  return found;
}

async function findImage(op: Operation, name: string, architecture: string): Promise<ApiImage> {
  const byId = /^\d+$/.test(name) ? await op.api.find<{ image: ApiImage }>(`/images/${name}`) : null;
  let found = byId?.image;
  if (found === undefined) {
    const query = { architecture, include_deprecated: true, name };
    found = (await op.api.get<{ images: ApiImage[] }>("/images", query)).images[0];
  }
  if (found === undefined) throw new Error(`image ${name} for architecture ${architecture} not found`);
  if (found.deprecated) {
    const end = new Date(found.deprecated);
    end.setUTCMonth(end.getUTCMonth() + IMAGE_MONTHS);
    refuseAfter(op, `Image "${found.name}"`, end);
  }
  return found;
}

function refuseAfter(op: Operation, what: string, end: Date): void {
  if (end.getTime() < Date.now()) throw new Error(`${what} is unavailable and can no longer be ordered.`);
  const day = end.toISOString().slice(0, 10);
  op.warn(`${what} is deprecated and will no longer be available for order as of ${day}.`);
}
