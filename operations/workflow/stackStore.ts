import type { OperationContext } from "../context.ts";
import type { Machines } from "../machines.ts";
import { type EtcdStoreOptions, etcdStore } from "./etcdStore.ts";
import type { WorkflowStore } from "./store.ts";

/**
 * The store of a stack's workflows, in the etcd of its own machines.
 * @param place See placeName; only for callers that hold the stack's own lock there.
 */
export function stackStore(
  machines: Machines,
  { onLine, signal }: OperationContext,
  place: string | null = null,
  options: Pick<EtcdStoreOptions, "outageMs"> = {},
): WorkflowStore {
  return etcdStore({ reach: (use) => machines.anyEtcd(use), onLine, signal, place, ...options });
}
