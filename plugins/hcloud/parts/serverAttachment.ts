import type { Action } from "../api/errors.ts";
import type { Operation } from "../operation.ts";
import { onCodes } from "./collection.ts";

/** A server's place in a network, as the API gives it. */
export interface PrivateNet {
  network: number;
  ip: string;
  alias_ips: string[];
  mac_address: string;
}

const ATTACH_AGAIN = onCodes("conflict", "locked", "service_error", "no_subnet_available");
const DETACH_AGAIN = onCodes("conflict", "locked", "service_error");

/** Attaches a server; one that is in the network already is left as it is, as the official provider does. */
export async function attachServer(op: Operation, server: unknown, body: AttachBody): Promise<void> {
  const path = `/servers/${server}/actions/attach_to_network`;
  try {
    const { action } = await op.api.retry(() => op.api.post<{ action: Action }>(path, body), ATTACH_AGAIN);
    await op.api.wait(action);
  } catch (error) {
    if (!onCodes("server_already_attached")(error)) throw error;
  }
}

/** Detaches a server; a network or a server that is gone is what was wanted. */
export async function detachServer(op: Operation, server: unknown, network: number): Promise<void> {
  const path = `/servers/${server}/actions/detach_from_network`;
  try {
    const { action } = await op.api.retry(
      () => op.api.post<{ action: Action }>(path, { network }),
      DETACH_AGAIN,
    );
    await op.api.wait(action);
  } catch (error) {
    if (!onCodes("not_found")(error)) throw error;
  }
}

export interface AttachBody {
  network: number;
  ip?: unknown;
  alias_ips?: unknown;
  ip_range?: string;
}
