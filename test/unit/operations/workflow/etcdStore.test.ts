import { describe, expect, it } from "vitest";
import type { Condition, Entry, Etcd } from "../../../../clients/etcd.ts";
import { etcdStore } from "../../../../operations/workflow/etcdStore.ts";

/** The keys, revisions and leases of an etcd, in memory; leases end only when they are given back. */
class MemoryEtcd {
  readonly keys = new Map<string, Entry>();
  #revision = 0;
  #lease = 0;
  async get(key: string): Promise<Entry | null> {
    return this.keys.get(key) ?? null;
  }
  async put(key: string, value: string | null, conditions: Condition[], lease?: string): Promise<boolean> {
    const holds = (one: Condition) =>
      "absent" in one ? !this.keys.has(one.key) : this.keys.get(one.key)?.revision === one.revision;
    if (!conditions.every(holds)) return false;
    if (value === null) this.keys.delete(key);
    else this.keys.set(key, { value, revision: String(++this.#revision), lease: lease ?? null });
    return true;
  }
  async grantLease(): Promise<string> {
    return String(++this.#lease);
  }
  async keepLeaseAlive(): Promise<number> {
    return 15;
  }
  /** As of a holder that lives: renewed between two looks. */
  #left = 10;
  async leaseSeconds(): Promise<number> {
    return this.#left++;
  }
  async revokeLease(id: string): Promise<void> {
    for (const [key, { lease }] of this.keys) if (lease === id) this.keys.delete(key);
  }
}

const lines: string[] = [];
const storeIn = (etcd: MemoryEtcd, place: string | null) =>
  etcdStore({
    reach: (use) => use(etcd as unknown as Etcd),
    onLine: (line) => lines.push(line),
    signal: new AbortController().signal,
    place,
  });

describe("the lock of a stack's operations", () => {
  it("of a process that died in this very place is broken at once", async () => {
    const etcd = new MemoryEtcd();
    await storeIn(etcd, "here").lock("promote dev (anna@laptop)");
    await using _second = await storeIn(etcd, "here").lock("promote dev (anna@laptop)");
    expect(lines).toEqual([]);
  });

  it.each(["elsewhere", null])("of a holder that lives in another place is respected (%s)", async (place) => {
    const etcd = new MemoryEtcd();
    await using _first = await storeIn(etcd, "here").lock("promote dev (anna@laptop)");
    await expect(storeIn(etcd, place).lock("promote dev (ben@desk)")).rejects.toThrow(
      "Another operation is at work on this stack: promote dev (anna@laptop).",
    );
  });

  it("is free as soon as its holder gives it back", async () => {
    const etcd = new MemoryEtcd();
    {
      await using _first = await storeIn(etcd, "here").lock("promote dev (anna@laptop)");
    }
    expect([...etcd.keys.keys()]).toEqual([]);
  });
});
