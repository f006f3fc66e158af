import { rmSync } from "node:fs";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { commonPrefix, successor } from "../../../../cloud/objects/store/keys.ts";
import type { Listing, ListOptions } from "../../../../cloud/objects/store/objects.ts";
import { openStore, type Store } from "../../../../cloud/objects/store/store.ts";
import { temporaryDirectory } from "./storage.ts";

const bytes = (left: string, right: string) => Buffer.compare(Buffer.from(left), Buffer.from(right));
/** Few characters, so that keys meet; among them the ends of the ranges of UTF-8 and UTF-16. */
const key = fc.string({
  unit: fc.constantFrom("a", "b", "/", "-", "\u{d7ff}", "\u{e000}", "\u{ffff}", "\u{10000}", "\u{10ffff}"),
  minLength: 1,
  maxLength: 6,
});

test("a successor comes after all that start with the prefix, and before all else", () => {
  fc.assert(
    fc.property(key, key, (prefix, other) => {
      const next = successor(prefix);
      const before = next === null || bytes(other, next) < 0;
      if (other.startsWith(prefix)) expect(before).toBe(true);
      else if (bytes(other, prefix) > 0) expect(before).toBe(false);
    }),
    { numRuns: 2000 },
  );
});

describe("a listing", () => {
  const directory = temporaryDirectory();
  let store: Store;
  let count = 0;
  beforeAll(async () => {
    store = await openStore(directory);
  });
  afterAll(() => {
    store.close();
    rmSync(directory, { recursive: true });
  });

  async function fill(keys: string[]): Promise<string> {
    const bucket = `bucket-${++count}`;
    store.buckets.create(bucket, "me");
    for (const name of keys) await store.objects.put(bucket, name, { pieces: [], etag: "", headers: {} });
    return bucket;
  }

  /** The same in plain words: every key in order, prefixes once, what is not after `after` left out. */
  function model(keys: string[], { prefix, delimiter, after }: Omit<ListOptions, "limit">): string[] {
    const entries = [...keys]
      .sort(bytes)
      .filter((name) => name.startsWith(prefix) && bytes(name, after) > 0)
      .map((name) => commonPrefix(name, prefix, delimiter) ?? name)
      .filter((entry) => entry !== after);
    return [...new Set(entries)];
  }

  const entriesOf = (listing: Listing) =>
    [...listing.objects.map((object) => object.key), ...listing.commonPrefixes].sort(bytes);

  test("is what one would write down, page by page as well", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(key, { maxLength: 25 }),
        fc.record({
          prefix: fc.oneof(fc.constant(""), key),
          delimiter: fc.constantFrom("", "/", "a", "/a"),
          after: fc.oneof(fc.constant(""), key),
        }),
        fc.integer({ min: 1, max: 4 }),
        async (keys, options, limit) => {
          const bucket = await fill(keys);
          const expected = model(keys, options);
          const whole = store.objects.list(bucket, { ...options, limit: 1000 });
          expect(entriesOf(whole)).toEqual(expected);
          expect(whole.next).toBeNull();
          const paged: string[] = [];
          for (let after: string | null = options.after; after !== null; ) {
            const page: Listing = store.objects.list(bucket, { ...options, after, limit });
            const entries = entriesOf(page);
            expect(entries.length).toBeLessThanOrEqual(limit);
            if (page.next !== null) expect(page.next).toBe(entries.at(-1));
            paged.push(...entries);
            after = page.next;
          }
          expect(paged).toEqual(expected);
        },
      ),
      { numRuns: 150 },
    );
  });

  test("of no entries at all is empty", async () => {
    const bucket = await fill(["a"]);
    const listing = store.objects.list(bucket, { prefix: "", delimiter: "", after: "", limit: 0 });
    expect(listing).toEqual({ objects: [], commonPrefixes: [], next: null });
  });
});
