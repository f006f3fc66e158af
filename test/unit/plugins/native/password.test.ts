import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { password, randomText } from "../../../../plugins/native/password.ts";
import { Secret } from "../../../../plugins/server/resource.ts";
import { drive, unknown } from "../../../../plugins/server/testing.ts";
import { unwrap } from "../../../../plugins/server/values.ts";

describe("Password", () => {
  test("is unknown in a preview, secret in the state, and stays", async () => {
    const driven = drive(password);
    expect((await driven.preview({})).outputs).toEqual({ value: new Secret(unknown) });
    await driven.up({});
    const value = driven.state!.outputs.value;
    expect(value).toBeInstanceOf(Secret);
    expect(unwrap(value)).toMatch(/^[A-Za-z0-9]{32}$/);
    expect((await driven.up({})).steps).toEqual(["same"]);
    expect(await driven.refresh()).toBe(true);
    expect(driven.state!.outputs.value).toEqual(value);
  });

  test("another length, alphabet or keeper makes another one", async () => {
    const driven = drive(password);
    await driven.up({ keepers: { year: "2026" } });
    const before = unwrap(driven.state!.outputs.value);
    const { steps, diff } = await driven.up({ keepers: { year: "2027" } });
    expect(steps).toEqual(["create", "delete"]);
    expect(diff!.replaces).toEqual(["keepers.year"]);
    expect(unwrap(driven.state!.outputs.value)).not.toBe(before);
  });

  test("holds the characters of the alphabet and no others, and in the end all of them", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.constantFrom(..."abcXYZ019._~-"), { minLength: 2 }), (characters) => {
        const text = randomText(characters.length * 100, characters.join(""));
        expect(text).toHaveLength(characters.length * 100);
        expect(new Set(text)).toEqual(new Set(characters));
      }),
      { numRuns: 50 },
    );
  });

  test("chooses without preference", () => {
    // 62 does not divide 256: taking a byte modulo 62 would favour the first 8 characters by a quarter.
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    const counts = new Map<string, number>();
    for (const character of randomText(62_000, alphabet)) {
      counts.set(character, (counts.get(character) ?? 0) + 1);
    }
    const squares = [...alphabet].reduce(
      (sum, character) => sum + ((counts.get(character) ?? 0) - 1000) ** 2,
      0,
    );
    // Chi-squared with 61 degrees of freedom exceeds 140 once in ten million runs.
    expect(squares / 1000).toBeLessThan(140);
  });

  test.each([
    [{ length: 4 }, "length: must be at least 8"],
    [{ length: 16.5 }, "length: must be a whole number"],
    [{ lenght: 16 }, "lenght: is no known property: is it misspelt?"],
    [
      { alphabet: "abc/" },
      "alphabet: may hold only A-Z, a-z, 0-9 and . _ ~ -, which need no escaping in a URL",
    ],
    [{ alphabet: "aab" }, "alphabet: must not have a character twice"],
    [
      { length: 12 },
      "length: gives a password of 71 bits with 62 characters to choose from; at least 80 are needed: make it 14 or longer",
    ],
  ])("refuses %j", async (inputs, message) => {
    await expect(drive(password).up(inputs)).rejects.toThrow(message);
  });

  test("cannot be imported", async () => {
    await expect(drive(password).import("hunter2")).rejects.toThrow(
      "A Password cannot be imported: its value would have to stand on the command line, where others can read it. " +
        "Nothing was changed.",
    );
  });
});
