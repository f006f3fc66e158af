import { expect, test } from "vitest";
import { Kept, type KeptPlace } from "../../../../operations/restore/kept.ts";

/** A bucket in memory; `down` refuses everything. */
function place(name: string, content: Record<string, string> = {}, down = false): KeptPlace {
  const answer = async <T>(value: () => T) => {
    if (down) throw new Error(`${name} is gone\nand more`);
    return value();
  };
  const set = (key: string, text: string, unlessThere?: boolean) =>
    answer(() => {
      if (unlessThere && key in content) return "exists" as const;
      content[key] = text;
      return "put" as const;
    });
  return {
    name,
    documents: {
      put: (key, value, options) => set(key, JSON.stringify(value), options?.unlessThere),
      putText: (key, text, _type, options) => set(key, text, options?.unlessThere),
      get: (key) => answer(() => (content[key] === undefined ? null : JSON.parse(content[key]))),
      getText: (key) => answer(() => content[key] ?? null),
      entries: (prefix) =>
        answer(() =>
          Object.keys(content)
            .filter((key) => key.startsWith(prefix))
            .map((key) => ({ key, bytes: content[key]!.length, modified: new Date(0) })),
        ),
      [Symbol.dispose]: () => undefined,
    },
  };
}

function opened(...places: KeptPlace[]) {
  const told: string[] = [];
  return { kept: new Kept(places, (line) => told.push(line)), told };
}

test("what is written goes to every place, and is read from any", async () => {
  const [first, second] = [{ a: "1" }, { b: "2" }];
  const { kept, told } = opened(place("one", first), place("two", second));
  expect(await kept.put("c", 3)).toBe("put");
  expect([first, second]).toEqual([
    { a: "1", c: "3" },
    { b: "2", c: "3" },
  ]);
  expect(await kept.keys("")).toEqual(["a", "b", "c"]);
  expect([await kept.get("a"), await kept.get("b"), await kept.get("d")]).toEqual([1, 2, null]);
  expect(await kept.put("b", 4, { unlessThere: true })).toBe("exists");
  expect(told).toEqual([]);
});

test("a place that does not answer is told of once and holds nothing up", async () => {
  const second = { a: "1" };
  const { kept, told } = opened(place("one", {}, true), place("two", second));
  expect(await kept.get("a")).toBe(1);
  expect(await kept.putText("b", "2", "text/plain")).toBe("put");
  expect(second).toEqual({ a: "1", b: "2" });
  expect(told).toEqual(["warning: one does not answer: one is gone"]);
});

test("where none answers it is an error, and alone an error is passed on as it is", async () => {
  const both = opened(place("one", {}, true), place("two", {}, true));
  await expect(both.kept.get("a")).rejects.toThrow("one is gone");
  await expect(opened(place("one", {}, true)).kept.keys("")).rejects.toThrow("one is gone");
});
