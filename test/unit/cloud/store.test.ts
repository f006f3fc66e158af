import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Store, StoreBusyError } from "../../../cloud/store/store.ts";

interface Kinds {
  thing: { id: number; value: string };
  other: { id: number };
}

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "phasewise-store-"));
  path = join(folder, "store.sqlite");
});
afterEach(() => rm(folder, { recursive: true }));

describe("Store", () => {
  it("keeps what a transaction wrote, in the order of ids, and never gives an id twice", () => {
    const first = new Store<Kinds>(path);
    const ids = first.transact((tx) =>
      ["a", "b", "c"].map((value) => {
        const id = tx.newId();
        tx.put("thing", { id, value });
        return id;
      }),
    );
    first.transact((tx) => tx.delete("thing", ids[2] as number));
    first.close();
    const second = new Store<Kinds>(path);
    expect(second.all("thing").map((row) => row.value)).toEqual(["a", "b"]);
    expect(second.transact((tx) => tx.newId())).toBeGreaterThan(ids[2] as number);
    second.close();
  });

  it("undoes everything when the body throws, also the order and the ids", () => {
    const store = new Store<Kinds>(":memory:");
    const [a, b] = store.transact((tx) => {
      const made = [tx.newId(), tx.newId()];
      for (const id of made) tx.put("thing", { id, value: `v${id}` });
      return made;
    }) as [number, number];
    const { revision } = store;
    let lost = 0;
    expect(() =>
      store.transact((tx) => {
        tx.delete("thing", a);
        tx.put("thing", { id: b, value: "changed" });
        lost = tx.newId();
        tx.put("other", { id: lost });
        throw new Error("no");
      }),
    ).toThrow("no");
    expect(store.all("thing").map((row) => row.id)).toEqual([a, b]);
    expect(store.get("thing", b)?.value).toBe(`v${b}`);
    expect(store.count("other")).toBe(0);
    expect(store.revision).toBe(revision);
    expect(store.transact((tx) => tx.newId())).toBe(lost);
  });

  it("sees its own writes and refuses a transaction in a transaction", () => {
    const store = new Store<Kinds>(":memory:");
    store.transact((tx) => {
      tx.put("other", { id: 7 });
      expect(store.get("other", 7)).toEqual({ id: 7 });
      expect(() => store.transact(() => 0)).toThrow("a transaction is open already");
    });
    expect(store.get("other", 7)).toEqual({ id: 7 });
  });

  it("belongs to one opener at a time", () => {
    const store = new Store<Kinds>(path);
    expect(() => new Store<Kinds>(path)).toThrow(StoreBusyError);
    store.close();
    new Store<Kinds>(path).close();
  });

  it("holds the whole of each acknowledged transaction after kill -9, and is free at once", async () => {
    const script = `
      const { Store } = await import(${JSON.stringify(new URL("../../../cloud/store/store.ts", import.meta.url).href)});
      const store = new Store(${JSON.stringify(path)});
      for (let n = 1; ; n++) {
        store.transact((tx) => {
          for (let i = 0; i < 5; i++) tx.put("thing", { id: tx.newId(), value: String(n) });
        });
        process.stdout.write(n + "\\n");
      }`;
    for (let round = 0; round < 3; round++) {
      const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      let acknowledged = 0;
      for await (const line of createInterface(child.stdout)) {
        acknowledged = Number(line);
        if (acknowledged >= 40) break;
      }
      child.kill("SIGKILL");
      await once(child, "exit");
      const store = new Store<Kinds>(path);
      const counts = new Map<string, number>();
      for (const { value } of store.all("thing")) counts.set(value, (counts.get(value) ?? 0) + 1);
      for (const count of counts.values()) expect(count % 5).toBe(0);
      expect(counts.size).toBeGreaterThanOrEqual(acknowledged);
      store.close();
    }
  });
});
