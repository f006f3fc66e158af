import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { propertyDiff } from "../../../../plugins/server/diff.ts";
import { Secret, UNKNOWN } from "../../../../plugins/server/resource.ts";

describe("propertyDiff", () => {
  it("names each change by its path", () => {
    const olds = { name: "a", rules: [{ port: 1 }, { port: 2 }], labels: { a: "1", gone: "x" }, old: true };
    const news = {
      name: "b",
      rules: [{ port: 1 }, { port: 3 }, { port: 4 }],
      labels: { a: "1", "b.c": "2" },
    };
    expect(propertyDiff({ olds, news })).toEqual({
      changes: true,
      replaces: [],
      deleteBeforeReplace: false,
      detailed: {
        name: "update",
        "rules[1].port": "update",
        "rules[2]": "add",
        "labels.gone": "delete",
        'labels["b.c"]': "add",
        old: "delete",
      },
    });
  });

  it("marks what replaces, and asks for deletion first only then", () => {
    const forcesReplacement = (_path: string, property: string) => property === "rules";
    const diff = (news: object) =>
      propertyDiff({
        olds: { rules: [{ port: 1 }], name: "a" },
        news: { ...news },
        forcesReplacement,
        deleteBeforeReplace: true,
      });
    expect(diff({ rules: [{ port: 2 }], name: "a" })).toMatchObject({
      replaces: ["rules[0].port"],
      deleteBeforeReplace: true,
      detailed: { "rules[0].port": "update-replace" },
    });
    expect(diff({ rules: [{ port: 1 }], name: "b" })).toMatchObject({
      replaces: [],
      deleteBeforeReplace: false,
    });
  });

  it("compares secrets by content and takes an unknown for a change", () => {
    const olds = { secret: new Secret({ a: 1 }), plain: "x", later: 1 };
    const news = { secret: { a: 1 }, plain: new Secret("x"), later: UNKNOWN };
    expect(propertyDiff({ olds, news }).detailed).toEqual({ later: "update" });
  });

  it("finds nothing between equal bags", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (bag) => {
        expect(propertyDiff({ olds: bag, news: structuredClone(bag) }).changes).toBe(false);
      }),
    );
  });
});
