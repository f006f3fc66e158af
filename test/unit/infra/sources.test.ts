import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkToken, fromPulumi, fromStackFile, parseConfig } from "../../../infra/config.ts";
import { faults, production, secure } from "./settings.ts";

const pulumi = (config: Record<string, string>, secrets: string[] = []) =>
  fromPulumi("the stack's settings", config, (key) => secrets.includes(key));

/** What Pulumi hands to a program for the same settings: sections as JSON, secrets in clear. */
const handed = {
  "phasewise:phase": "1",
  "phasewise:environment": "production",
  "phasewise:deletionProtection": "false",
  "phasewise:volume": '{"sizeGb":40}',
  "phasewise:access": '{"operators":["203.0.113.7/32"],"database":["203.0.113.16/28"]}',
  "phasewise:objectStorage": '{"bucket":"acme-production-backups","accessKey":"AKIA","secretKey":"s3cret"}',
};

describe("settings from Pulumi", () => {
  it("are the same as those of the file", () => {
    const parsed = parseConfig(pulumi(handed, ["phasewise:objectStorage"]), "production");
    expect(parsed).toMatchObject({
      ok: true,
      config: {
        phase: 1,
        deletionProtection: false,
        volume: { sizeGb: 40 },
        objectStorage: { accessKey: "AKIA", secretKey: "s3cret" },
      },
    });
  });

  it("keep a text that looks like a number where a text is wanted", () => {
    expect(pulumi({ "phasewise:environment": "1", "phasewise:phase": "1" }).settings).toEqual({
      environment: "1",
      phase: 1,
    });
  });

  it("report a value that is no value of its kind as it was written", () => {
    const parsed = parseConfig(
      pulumi({ ...handed, "phasewise:phase": "one" }, ["phasewise:objectStorage"]),
      "production",
    );
    expect(parsed).toMatchObject({ ok: false, faults: [{ path: "phasewise:phase", found: '"one"' }] });
  });

  it("report credentials in clear without repeating them", () => {
    const parsed = parseConfig(pulumi(handed), "production");
    expect(parsed).toMatchObject({
      ok: false,
      faults: [
        { path: "phasewise:objectStorage.accessKey", found: "a secret in clear" },
        { path: "phasewise:objectStorage.secretKey", found: "a secret in clear" },
      ],
    });
    expect(JSON.stringify(parsed)).not.toMatch(/AKIA|s3cret/);
  });
});

describe("settings from the file", () => {
  it("belong to the project where they name no package", () => {
    expect(fromStackFile("f", { phase: 1 }).settings).toEqual({ phase: 1 });
  });

  it("hold no credential in clear", () => {
    const clear =
      "a secret in clear | an encrypted value | make a new one, as this one may have been read, then";
    expect(
      faults({
        "hcloud:token": "t".repeat(64),
        "phasewise:objectStorage": { bucket: "acme", accessKey: "AKIA", secretKey: secure },
      }),
    ).toEqual([
      `phasewise:objectStorage.accessKey: ${clear} npx pulumi config set --secret --path phasewise:objectStorage.accessKey`,
      `hcloud:token: ${clear} npx pulumi config set --secret hcloud:token`,
    ]);
  });

  it("never repeat a secret that was put in the wrong place", () => {
    const secret = "hunter2hunter2";
    const all = [
      ...faults({ "phasewise:objectStorage": secret }),
      ...faults({ "phasewise:secretKey": secret }),
      ...faults({ "phasewise:objectStorage": { bucket: "acme", acessKey: secret, secretKey: `${secret}!` } }),
    ];
    expect(all.length).toBeGreaterThan(3);
    expect(all.join("\n")).not.toContain(secret);
  });
});

describe("a token", () => {
  const allowed = "64 letters and digits";
  const fix =
    "make a token with read and write access in Hetzner's console, then npx pulumi config set --secret hcloud:token";
  it.each([
    [undefined, "nothing"],
    ["", "nothing"],
    ["short", "a text of 5 characters"],
    [`${"a".repeat(63)} `, "a text of 64 characters, not all of them letters and digits"],
  ])("%j is refused", (token, found) => {
    expect(checkToken(token)).toEqual([{ path: "hcloud:token", found, allowed, fix }]);
  });

  it("of 64 letters and digits is taken", () => {
    expect(checkToken("aB3".repeat(22).slice(0, 64))).toBeNull();
  });
});

describe("whatever stands in a file", () => {
  const value = fc.oneof(
    fc.constant(secure),
    fc.anything({
      withNullPrototype: false,
      maxDepth: 2,
      values: [fc.string(), fc.integer(), fc.boolean(), fc.constant(null)],
    }),
  );
  const keys = [
    "phase",
    "volume",
    "server",
    "access",
    "objectStorage",
    "database",
    "backup",
    "pools",
    "cloud",
    "x",
  ];
  const file = fc.dictionary(
    fc.constantFrom(...keys.map((key) => `phasewise:${key}`), "hcloud:token"),
    value,
  );

  it("it is judged, never choked on, and every fault says what to do", () => {
    fc.assert(
      fc.property(file, (change) => {
        for (const line of faults({ ...production(), ...change }, {})) {
          expect(line).toMatch(/^.+: .+ \| .+ \| .+$/s);
        }
      }),
      { numRuns: 500 },
    );
  });

  it("one change more never hides the fault of another setting", () => {
    fc.assert(
      fc.property(file, (change) => {
        const all = faults({ ...change, "phasewise:deletionProtection": "no" });
        expect(all).toContain(
          'phasewise:deletionProtection: "no" | true or false | write true or false without quotation marks',
        );
      }),
      { numRuns: 300 },
    );
  });
});
