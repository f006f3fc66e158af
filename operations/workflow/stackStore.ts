import type { OperationContext } from "../context.ts";
import type { Machines } from "../machines.ts";
import { etcdStore } from "./etcdStore.ts";
import type { WorkflowStore } from "./store.ts";

/** The store of a stack's workflows, in the etcd of its own machines. */
export function stackStore(machines: Machines, { onLine, signal }: OperationContext): WorkflowStore {
  return etcdStore({ reach: (use) => machines.anyEtcd(use), onLine, signal });
}
