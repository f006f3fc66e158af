import { describe, expect, it } from "vitest";
import { apiSettings, configFailures, milliseconds } from "../../../../plugins/hcloud/config.ts";
import { Secret, UNKNOWN } from "../../../../plugins/server/resource.ts";

const token = "t".repeat(64);

describe("configuration", () => {
  it("takes what is configured before what the environment says", () => {
    const env = { HCLOUD_TOKEN: "e".repeat(64), HCLOUD_ENDPOINT: "http://env/v1" };
    expect(apiSettings({ token: new Secret(token), endpoint: "http://own/v1/" }, env)).toMatchObject({
      token,
      endpoint: "http://own/v1",
    });
    expect(apiSettings({}, env)).toMatchObject({ token: "e".repeat(64), endpoint: "http://env/v1" });
    expect(apiSettings({}, {})).toMatchObject({ token: null, endpoint: "https://api.hetzner.cloud/v1" });
  });

  it("polls from half a second on, doubled, up to a minute; or evenly", () => {
    const { pollDelay } = apiSettings({}, {});
    expect([0, 1, 2, 20].map(pollDelay)).toEqual([500, 1000, 2000, 60_000]);
    const constant = apiSettings({ pollInterval: "100ms", pollFunction: "constant" }, {});
    expect([0, 9].map(constant.pollDelay)).toEqual([100, 100]);
  });

  it("reports every fault at once", () => {
    const config = { token: new Secret("short"), pollInterval: "soon", pollFunction: "sometimes" };
    expect(configFailures(config, {})).toEqual([
      {
        property: "token",
        reason: "entered token is invalid (must be exactly 64 characters long, but has 5)",
      },
      { property: "pollInterval", reason: '"soon" is no duration, as 500ms or 1.5s.' },
      {
        property: "pollFunction",
        reason: 'pollFunction must be constant or exponential, but is "sometimes".',
      },
    ]);
  });

  it("accepts what a preview does not know, and no token at all", () => {
    expect(configFailures({ token: UNKNOWN }, {})).toEqual([]);
    expect(configFailures({}, {})).toEqual([]);
    expect(configFailures({}, { HCLOUD_TOKEN: "x" })).toHaveLength(1);
  });

  it("reads Go's durations", () => {
    expect(milliseconds("1m30s")).toBe(90_000);
    expect(milliseconds("1.5s")).toBe(1500);
    expect(milliseconds("5")).toBeNull();
    expect(milliseconds("")).toBeNull();
  });
});
