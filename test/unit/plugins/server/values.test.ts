import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkInputs as checkCluster } from "../../../../plugins/native/cluster/inputs.ts";
import { checkInputs as checkHost } from "../../../../plugins/native/host/inputs.ts";
import { Redactor } from "../../../../plugins/server/redact.ts";
import { type Properties, Secret, UNKNOWN } from "../../../../plugins/server/resource.ts";
import { markLike, secretTexts, unwrapProperties } from "../../../../plugins/server/values.ts";
import { bootstrapKey, operatorKey, sampleInputs } from "../native/host/sample.ts";

const connection = { host: "198.18.0.2", user: "root", privateKey: new Secret(operatorKey.privateKey) };

describe("what was secret in the given inputs", () => {
  it("is a secret in the checked ones, and what stands beside it is not", () => {
    const given = { place: { host: "198.18.0.2", key: new Secret("s3cret") }, plain: 1 };
    expect(markLike({ place: { key: "s3cret", host: "198.18.0.2", port: 22 }, plain: 1 }, given)).toEqual({
      place: { key: new Secret("s3cret"), host: "198.18.0.2", port: 22 },
      plain: 1,
    });
  });

  it("is found wherever it has come to, in lists that were put in order too", () => {
    const given = { all: [{ name: "b", key: new Secret("s3cret") }, { name: "a" }] };
    const checked = { all: { a: { name: "a" }, b: { name: "b", key: "s3cret" } } };
    expect(markLike(checked, given)).toEqual({
      all: { a: { name: "a" }, b: { name: "b", key: new Secret("s3cret") } },
    });
  });

  it("makes all of a value a secret where it was given as one, or is not found again", () => {
    for (const given of [
      new Secret({ host: "h", key: "k" }),
      { host: "h", key: new Secret("other") },
      { host: "h", key: new Secret(UNKNOWN) },
      { host: "h", key: new Secret("k"), on: new Secret(true) },
      { host: "h", key: new Secret("") },
    ]) {
      const { place } = markLike({ place: { host: "h", key: "k" } }, { place: given });
      expect(place).toEqual(new Secret({ host: "h", key: "k" }));
    }
  });

  it("never becomes readable", () => {
    const leaf = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null));
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        leaf,
        leaf.map((value) => new Secret(value)),
        fc.array(tie("tree"), { maxLength: 3 }),
        fc.dictionary(fc.string({ minLength: 1, maxLength: 3 }), tie("tree"), { maxKeys: 3 }),
      ),
    }));
    const inputs = fc.dictionary(fc.constantFrom("a", "b", "c"), tree) as fc.Arbitrary<Properties>;
    fc.assert(
      fc.property(inputs, (given) => {
        const marked = markLike(unwrapProperties(given), given);
        expect(unwrapProperties(marked)).toEqual(unwrapProperties(given));
        const hidden = new Set(secretTexts(marked));
        for (const text of secretTexts(given)) expect(hidden).toContain(text);
      }),
    );
  });
});

describe("lines of progress", () => {
  const shown = (inputs: Properties) => {
    const redactor = new Redactor();
    redactor.learn(inputs);
    return redactor.redact(`waiting for root@198.18.0.2:22 with ${operatorKey.privateKey.trim()}`);
  };

  it("tell a machine's address, and hide the key to it", () => {
    const host = sampleInputs({ connection, bootstrapHostKey: bootstrapKey.publicKey });
    expect(shown(markLike(checkHost(host).inputs, host))).toMatch(
      /^waiting for root@198\.18\.0\.2:22 with (\[secret\]\s*)+$/,
    );
  });

  it("tell the addresses of a cluster's members, and hide the key to them", () => {
    const members = [{ name: "core-1", connection, hostKey: bootstrapKey.publicKey }];
    const { inputs } = checkCluster({ name: "main", members, secrets: {} });
    expect(shown(markLike(inputs, { members }))).toMatch(
      /^waiting for root@198\.18\.0\.2:22 with (\[secret\]\s*)+$/,
    );
  });
});
