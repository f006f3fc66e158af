import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Properties, Secret, UNKNOWN } from "../../../../plugins/server/resource.ts";
import { hasSecret, hasUnknown, same, unknownPaths, unwrap } from "../../../../plugins/server/values.ts";
import { decode, decodeProperties, encode, encodeProperties } from "../../../../plugins/server/wire.ts";

const SIGNATURE = "4dabf18193072939515e22adb298388d";

const values: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constant(null),
    fc.boolean(),
    fc.integer(),
    fc.string(),
    fc.constant(UNKNOWN),
    tie("value").map((value) => new Secret(value)),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(
      fc.string().filter((key) => key !== "__proto__" && key !== SIGNATURE),
      tie("value"),
      { maxKeys: 3, noNullPrototype: true },
    ),
  ),
})).value;

describe("wire", () => {
  it("gives back what it was given", () => {
    fc.assert(fc.property(values, (value) => void expect(decode(encode(value))).toEqual(value)));
  });

  it("leaves undefined out of objects and keeps its place in lists", () => {
    const bag = { a: undefined, b: { c: undefined, d: 1 }, e: [1, undefined] };
    expect(encodeProperties(bag)).toEqual({ b: { d: 1 }, e: [1, null] });
  });

  it("reads every kind of unknown", () => {
    for (const unknown of ["3eeb2bf0-c639-47a8-9e75-3b44932eb421", "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7"]) {
      expect(decode([unknown])).toEqual([UNKNOWN]);
    }
  });

  it("reads outputs and references to resources", () => {
    const output = "d0e6a833031e9bbcd3f4e8bde6ca49a4";
    const reference = "5cf8f73096256a8f31e491e813e4eb8e";
    expect(
      decodeProperties({
        known: { [SIGNATURE]: output, value: 1 },
        secret: { [SIGNATURE]: output, value: "s", secret: true },
        later: { [SIGNATURE]: output, secret: true },
        resource: { [SIGNATURE]: reference, urn: "urn:x", id: "12" },
        planned: { [SIGNATURE]: reference, urn: "urn:x", id: "" },
      }),
    ).toEqual({
      known: 1,
      secret: new Secret("s"),
      later: new Secret(UNKNOWN),
      resource: "12",
      planned: UNKNOWN,
    });
  });

  it("names the property that cannot be sent", () => {
    const send = (bag: Properties) => () => encodeProperties(bag);
    expect(send({ a: [{ b: 1n }] })).toThrow(
      "The property a[0].b cannot be sent to Pulumi: it is a bigint 1.",
    );
    expect(send({ a: new Date(0) })).toThrow("The property a cannot be sent to Pulumi: it is a Date.");
    expect(send({ a: Number.NaN })).toThrow("The property a cannot be sent to Pulumi: it is a number NaN.");
  });
});

describe("values", () => {
  it("unwraps all secrets and nothing else", () => {
    fc.assert(
      fc.property(values, (value) => {
        expect(hasSecret(unwrap(value))).toBe(false);
        expect(hasUnknown(unwrap(value))).toBe(hasUnknown(value));
        expect(same(value, unwrap(value))).toBe(true);
      }),
    );
  });

  it("gives the paths of unknowns", () => {
    const bag = { rules: [{ port: UNKNOWN }], labels: { "a.b": new Secret([UNKNOWN]) }, known: 1 };
    expect(unknownPaths(bag)).toEqual(["rules[0].port", 'labels["a.b"][0]']);
    expect(hasUnknown(bag)).toBe(true);
  });
});
