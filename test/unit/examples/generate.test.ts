import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { day, midnight, workingTime } from "../../../examples/generate/clock.ts";
import { Embeddings } from "../../../examples/generate/embeddings.ts";
import { Ids } from "../../../examples/generate/ids.ts";
import { Random } from "../../../examples/generate/random.ts";
import { share } from "../../../examples/generate/share.ts";

const many = <T>(count: number, make: () => T): T[] => Array.from({ length: count }, make);

describe("random numbers", () => {
  test("the same seed gives the same numbers, another seed others", () => {
    const take = (seed: string) => {
      const random = new Random(seed);
      return many(5, () => random.uint32());
    };
    expect(take("1/fastbots")).toEqual(take("1/fastbots"));
    expect(take("1/fastbots")).not.toEqual(take("2/fastbots"));
    expect(take("1/fastbots")).toMatchInlineSnapshot(`
      [
        1954313460,
        1767414387,
        1945202209,
        2744926876,
        2192457549,
      ]
    `);
  });

  test("they are spread evenly, and normally where that is asked for", () => {
    const random = new Random("even");
    const floats = many(100_000, () => random.float());
    expect(floats.reduce((sum, one) => sum + one) / floats.length).toBeCloseTo(0.5, 2);
    expect(Math.min(...floats.slice(0, 50_000))).toBeGreaterThanOrEqual(0);
    const normals = many(100_000, () => random.normal());
    const mean = normals.reduce((sum, one) => sum + one) / normals.length;
    expect(mean).toBeCloseTo(0, 1);
    expect(normals.reduce((sum, one) => sum + one * one) / normals.length).toBeCloseTo(1, 1);
  });
});

describe("shares", () => {
  test("add up to the total, and nobody has less than the least", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), fc.nat(5), fc.nat(5000), (owners, least, more) => {
        const total = owners * least + more;
        const shares = share({ total, owners, least, skew: "strong" }, new Random("shares"));
        expect(shares.reduce((sum, one) => sum + one, 0)).toBe(total);
        expect(Math.min(...shares)).toBeGreaterThanOrEqual(least);
      }),
    );
  });

  test("few have much: of 500 the largest has more than a twentieth, the smaller half less than a fifth", () => {
    const shares = share({ total: 100_000, owners: 500, least: 1, skew: "strong" }, new Random("1"));
    const sorted = [...shares].sort((a, b) => b - a);
    expect(sorted[0]).toBeGreaterThan(5000);
    expect(sorted.slice(250).reduce((sum, one) => sum + one, 0)).toBeLessThan(20_000);
  });

  test("too little to share is an error", () => {
    const little = { total: 3, owners: 2, least: 2, skew: "some" } as const;
    expect(() => share(little, new Random("1"))).toThrow("3 cannot be shared among 2 with 2 for each");
  });
});

test("people work on working days, in the daytime, and never outside the span", () => {
  const random = new Random("clock");
  const [from, to] = [midnight("2026-01-01"), midnight("2026-07-01")];
  const times = many(20_000, () => workingTime(random, from, to));
  expect(times.every((time) => time >= from && time < to)).toBe(true);
  const weekend = times.filter((time) => [0, 6].includes(new Date(time).getUTCDay())).length;
  expect(weekend / times.length).toBeLessThan(0.12);
  const daytime = times.filter(
    (time) => (time % day) / 3_600_000 >= 8 && (time % day) / 3_600_000 < 18,
  ).length;
  expect(daytime / times.length).toBeGreaterThan(0.9);
  const hour = workingTime(random, from, from + 3_600_000);
  expect(hour).toBeGreaterThanOrEqual(from);
  expect(hour).toBeLessThan(from + 3_600_000);
});

test("ids are version 7 UUIDs that begin with their time and differ", () => {
  const random = new Random("ids");
  const ids = new Ids(1000);
  const time = midnight("2026-03-04");
  for (let index = 0; index < 1000; index++) ids.set(index, time, random);
  const texts = many(1000, () => "").map((_, index) => Buffer.from(ids.of(index)).toString("hex"));
  expect(new Set(texts).size).toBe(1000);
  for (const text of texts) expect(text).toMatch(/^[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}$/);
  expect(Number.parseInt(texts[0]!.slice(0, 12), 16)).toBe(time);
});

test("vectors have length 1; a document's chunks are nearer to each other than to another document's", () => {
  const random = new Random("vectors");
  const embeddings = new Embeddings(128, 8, random);
  const documents = many(6, () => random.below(8)).map((topic) => embeddings.document(topic, random));
  const chunks = documents.map((document) => many(5, () => embeddings.chunk(document, random).slice()));
  const distance = (a: Float32Array, b: Float32Array) =>
    Math.hypot(...a.map((value, index) => value - b[index]!));
  for (const chunk of chunks.flat()) expect(Math.hypot(...chunk)).toBeCloseTo(1, 5);
  for (const [index, own] of chunks.entries()) {
    const others = chunks.filter((_, other) => other !== index).flat();
    const nearestOther = Math.min(...others.map((other) => distance(own[0]!, other)));
    expect(distance(own[0]!, own[1]!)).toBeLessThan(nearestOther);
  }
});
