import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ApiError } from "../../../../cloud/api/errors.ts";
import { labelFaults, labelMatcher } from "../../../../cloud/api/labels.ts";

const labels = { env: "production", tier: "db", "example.com/my": "label", "just-a-key": "" };

describe("label selectors", () => {
  it.each([
    ["env=production", true],
    ["env==production", true],
    ["env=staging", false],
    ["env!=staging", true],
    ["env!=production", false],
    ["missing!=x", true],
    ["tier", true],
    ["missing", false],
    ["!missing", true],
    ["!tier", false],
    ["env in (testing,production)", true],
    ["env in (testing, staging)", false],
    ["env notin (testing,staging)", true],
    ["env notin (production)", false],
    ["missing notin (a)", true],
    ["missing in (a)", false],
    ["env=production,tier!=web", true],
    ["env=production,!tier", false],
    [" env = production , tier in ( db , web ) ", true],
    ["example.com/my=label", true],
    ["just-a-key", true],
    ["just-a-key=", true],
    ["toString", false],
  ])("%s: %s", (selector, expected) => {
    expect(labelMatcher(selector)(labels)).toBe(expected);
  });

  it.each([
    "",
    "=",
    "a=b=c",
    "a in b",
    "a in (b",
    "a,,b",
    ",a",
    "!",
    "a b",
    "a=-b",
    "a=b c",
    "-a",
    "a in ()x",
    "a&b",
  ])("refuses %j", (selector) => {
    expect(() => labelMatcher(selector)).toThrow(ApiError);
    expect(() => labelMatcher(selector)).toThrow("invalid input in field 'label_selector'");
  });

  const word = fc.stringMatching(/^[a-z0-9]([-_.a-z0-9]{0,10}[a-z0-9])?$/);

  it("agrees with its definition for all labels", () => {
    fc.assert(
      fc.property(fc.dictionary(word, word), word, word, word, (given, key, one, other) => {
        const has = Object.hasOwn(given, key);
        expect(labelMatcher(`${key}=${one}`)(given)).toBe(given[key] === one);
        expect(labelMatcher(`${key}!=${one}`)(given)).toBe(given[key] !== one);
        expect(labelMatcher(key)(given)).toBe(has);
        expect(labelMatcher(`!${key}`)(given)).toBe(!has);
        expect(labelMatcher(`${key} in (${one},${other})`)(given)).toBe(
          has && [one, other].includes(given[key] ?? ""),
        );
        expect(labelMatcher(`${key} notin (${one},${other})`)(given)).toBe(
          !labelMatcher(`${key} in (${one},${other})`)(given),
        );
      }),
    );
  });

  it("never crashes: any text is a selector or is refused as one", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          labelMatcher(text)(labels);
        } catch (error) {
          expect(error).toBeInstanceOf(ApiError);
        }
      }),
    );
  });
});

describe("labels", () => {
  it("accepts what Hetzner documents", () => {
    expect(labelFaults(labels)).toEqual([]);
    expect(labelFaults({ ["k".repeat(63)]: "v".repeat(63) })).toEqual([]);
  });

  it("names every fault", () => {
    expect(
      labelFaults({
        "": "x",
        "-a": "x",
        ok: "-",
        "a/b/c": "x",
        n: 1,
        "hetzner.cloud/x": "y",
        [`${"a".repeat(64)}`]: "x",
      }),
    ).toEqual([
      "label key '' is not correctly formatted",
      "label key '-a' is not correctly formatted",
      "label value '-' (key: ok) is not correctly formatted",
      "label key 'a/b/c' is not correctly formatted",
      "label value of 'n' is not a string",
      "label key 'hetzner.cloud/x': the prefix hetzner.cloud/ is reserved",
      `label key '${"a".repeat(64)}' is not correctly formatted`,
    ]);
  });
});
