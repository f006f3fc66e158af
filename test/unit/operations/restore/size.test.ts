import { describe, expect, test } from "vitest";
import { chooseType, type ServerType, serverTypeOf } from "../../../../operations/restore/size.ts";

const type = (name: string, gb: number, price: number | null, architecture = "x86"): ServerType => ({
  name,
  cores: 2,
  bytes: gb * 1e9,
  architecture,
  price,
});
const types = [
  type("small", 40, 4),
  type("middle", 160, 14),
  type("dear", 320, 60),
  type("large", 320, 30),
  type("arm", 640, 5, "arm"),
  type("old", 640, null),
];

describe("the type of a throw-away machine", () => {
  test.each([
    [null, 30, "small"],
    [null, 100, "middle"],
    [null, 200, "large"],
    ["dear", 200, "dear"],
  ])("asked for %s with %i GB: %s", (asked, gb, name) => {
    expect(chooseType(types, { asked, own: "small", bytes: gb * 1e9 }).name).toBe(name);
  });

  test.each([
    ["middle", 200, "The disk of a middle has 160 GB; the restore needs 200 GB.", /--type large\./],
    [
      null,
      700,
      "The disk of a small has 40 GB; the restore needs 700 GB.",
      /more than 640 GB: restore in place/,
    ],
    ["none", 1, 'There is no server type "none".', /console/],
  ])("asked for %s with %i GB is refused", (asked, gb, happened, todo) => {
    try {
      chooseType(types, { asked, own: "small", bytes: gb * 1e9 });
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ happened, todo: [expect.stringMatching(todo)], exitCode: 2 });
    }
  });

  test("is read as Hetzner tells it", () => {
    const item = {
      ...{ id: 1, name: "cpx22", labels: {}, cores: 2, disk: 80, architecture: "x86", deprecated: false },
      prices: [{ location: "fsn1", price_monthly: { net: "7.99" } }],
    };
    expect(serverTypeOf(item, "fsn1")).toEqual({
      ...{ name: "cpx22", cores: 2, bytes: 80e9, architecture: "x86", price: 7.99 },
    });
    expect(serverTypeOf(item, "ash").price).toBeNull();
    expect(serverTypeOf({ ...item, deprecated: true }, "fsn1").price).toBeNull();
  });
});
