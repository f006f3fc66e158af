import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadTypes } from "../../../../plugins/hcloud/registry.ts";
import { diffOf } from "../../../../plugins/hcloud/resource.ts";
import {
  type Field,
  type Fields,
  fieldsOf,
  type HcloudType,
  set,
  string,
} from "../../../../plugins/hcloud/schema.ts";
import { ordered } from "../../../../plugins/hcloud/values/order.ts";
import { fromOutputs, toOutputs } from "../../../../plugins/hcloud/values/outputs.ts";
import { changed, plan, settled } from "../../../../plugins/hcloud/values/plan.ts";
import { type Properties, Secret, UNKNOWN } from "../../../../plugins/server/resource.ts";
import { copy } from "../../../../plugins/server/testing.ts";

const types = await loadTypes();
const named = (name: string) => types.find(({ token }) => token.endsWith(`:${name}`))!;

/** Values that a field can be given. Texts are plain: what they may be is another matter. */
function given(field: Field): fc.Arbitrary<unknown> {
  const nested = fieldsOf(field);
  const element = nested === null ? scalar(field.of as string) : object(nested, false);
  switch (field.kind) {
    case "map":
      return fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), fc.string(), {
        maxKeys: 3,
        noNullPrototype: true,
      });
    case "list":
      return fc.array(element, { maxLength: 3 });
    case "set":
      return fc.uniqueArray(element, { maxLength: 3, selector: meaning });
    case "single":
    case "object":
      return element;
    default:
      return field.oneOf === undefined ? scalar(field.kind) : fc.constantFrom(...field.oneOf);
  }
}

/** What an element says: a set does not hold one with `false` beside one that says nothing of it. */
function meaning(element: unknown): string {
  return JSON.stringify(element, (_key, value) =>
    value === false || value === 0 || value === "" || (Array.isArray(value) && value.length === 0)
      ? undefined
      : value,
  );
}

function scalar(kind: string): fc.Arbitrary<unknown> {
  if (kind === "int") return fc.integer({ min: 1, max: 1_000_000 });
  return kind === "bool" ? fc.boolean() : fc.stringMatching(/^[a-z0-9./:-]{1,8}$/);
}

/** Every required field and some of the others. */
function object(fields: Fields, all: boolean): fc.Arbitrary<Properties> {
  const inputs = Object.entries(fields).filter(([, field]) => field.output !== true);
  const requiredKeys = inputs.filter(([, field]) => all || field.required).map(([name]) => name);
  const shapes = Object.fromEntries(inputs.map(([name, field]) => [name, given(field)]));
  return fc.record(shapes, { requiredKeys, noNullPrototype: true }) as fc.Arbitrary<Properties>;
}

/** As if the API had made it just so. */
function made(type: HcloudType, inputs: Properties) {
  return fromOutputs(type, copy(toOutputs(type, "1", settled(type, plan(type, null, inputs)))));
}

describe.each(types.map((type) => [type.token.split(":").at(-1)!, type] as const))("%s", (_name, type) => {
  it("that was made as asked needs no change", () => {
    fc.assert(
      fc.property(object(type.fields, false), (inputs) => {
        const diff = diffOf(type, made(type, inputs), inputs, () => {});
        expect(diff).toMatchObject({ changes: false, replaces: [] });
      }),
      { numRuns: 25 },
    );
  });

  it("does not change when the order in a set does", () => {
    fc.assert(
      fc.property(object(type.fields, false), (inputs) => {
        const turned = Object.fromEntries(
          Object.entries(inputs).map(([name, value]) => [
            name,
            type.fields[name]?.kind === "set" ? [...(value as unknown[])].reverse() : value,
          ]),
        );
        expect(diffOf(type, made(type, inputs), turned, () => {}).changes).toBe(false);
      }),
      { numRuns: 25 },
    );
  });

  it("is known again from its outputs", () => {
    fc.assert(
      fc.property(object(type.fields, true), (inputs) => {
        const values = made(type, inputs);
        expect(fromOutputs(type, copy(toOutputs(type, "1", values)))).toEqual(values);
      }),
      { numRuns: 25 },
    );
  });

  it("shows each changed property, and only those", () => {
    fc.assert(
      fc.property(object(type.fields, false), object(type.fields, false), (before, after) => {
        const prior = made(type, before);
        const planned = plan(type, prior, after);
        const names = Object.keys(type.fields).filter((name) => changed(type, name, prior, planned));
        const diff = diffOf(type, prior, after, () => {});
        expect(diff.changed).toEqual(expect.arrayContaining(names));
        if (diff.detailed === null) return;
        const shown = new Set(Object.keys(diff.detailed).map((path) => /^\w+/.exec(path)?.[0]));
        expect([...shown].sort()).toEqual(diff.changed);
      }),
      { numRuns: 25 },
    );
  });
});

describe("plans", () => {
  it("of unknown values show a change, and a replacement where the property forces one", () => {
    const subnet = named("NetworkSubnet");
    const inputs = { networkId: 1, type: "cloud", networkZone: "z", ipRange: "10.0.1.0/24" };
    const diff = diffOf(subnet, made(subnet, inputs), { ...inputs, networkId: UNKNOWN }, () => {});
    expect(diff).toMatchObject({ replaces: ["networkId"], detailed: { networkId: "update-replace" } });
  });

  it("keep what the provider filled in when the property is dropped", () => {
    const volume = named("Volume");
    const prior = { ...made(volume, { size: 10, name: "x", location: "fsn1" }), serverId: 5 };
    expect(diffOf(volume, prior, { size: 10, name: "x" }, () => {}).changes).toBe(false);
  });

  it("take numbers and texts for each other, and secrets for what is in them", () => {
    const server = named("Server");
    const inputs = { name: "x", serverType: "cx23", sshKeys: ["17"], placementGroupId: 4, userData: "#x" };
    const same = { ...inputs, sshKeys: [17], placementGroupId: "4", userData: new Secret("#x") };
    expect(diffOf(server, made(server, inputs), same, () => {}).changes).toBe(false);
  });

  it("let an element of a set that leaves little open choose before one that leaves more open", () => {
    const server = named("Server");
    const asked = (networks: Properties[]) => ({ name: "x", serverType: "cx23", networks });
    const exact = { networkId: 1, ip: "10.0.0.2" };
    const prior = made(server, asked([exact, { networkId: 1, ip: "10.0.0.3" }]));
    expect(diffOf(server, prior, asked([{ networkId: 1 }, exact]), () => {}).changes).toBe(false);
  });

  it("name the firewall rule that changed where it is given whole", () => {
    const firewall = named("Firewall");
    const rule = { direction: "in", protocol: "tcp", port: "22", description: "ssh", sourceIps: ["::/0"] };
    const inputs = { name: "x", rules: [rule] };
    const more = { name: "x", rules: [rule, { ...rule, port: "5432" }] };
    const less = { name: "x", rules: [{ ...rule, port: "5432", description: undefined }] };
    const detailed = (news: Properties) => diffOf(firewall, made(firewall, inputs), news, () => {}).detailed;
    expect(detailed(more)).toEqual({ "rules[1]": "add" });
    expect(detailed(less)).toEqual({ rules: "update" });
  });

  it("treat an address and its range, and capitals, as the same source", () => {
    const firewall = named("Firewall");
    const rule = (source: string) => ({
      name: "x",
      rules: [{ direction: "in", protocol: "esp", sourceIps: [source] }],
    });
    const prior = made(firewall, rule("2001:DB8:0::1"));
    expect(prior.rules).toMatchObject([{ sourceIps: ["2001:db8::1/128"] }]);
    expect(diffOf(firewall, prior, rule("2001:db8::1/128"), () => {}).changes).toBe(false);
  });

  it("delete a named resource first where it is of an SDK type", () => {
    const volume = named("Volume");
    const inputs = { __defaults: [], size: 10, name: "x", location: "fsn1" };
    const moved = (defaults: string[]) =>
      diffOf(volume, made(volume, inputs), { ...inputs, __defaults: defaults, location: "nbg1" }, () => {});
    expect(moved([]).deleteBeforeReplace).toBe(true);
    expect(moved(["name"]).deleteBeforeReplace).toBe(false);
    const key = named("SshKey");
    const diff = diffOf(
      key,
      made(key, { name: "x", publicKey: "a" }),
      { name: "x", publicKey: "b" },
      () => {},
    );
    expect(diff).toMatchObject({ replaces: ["publicKey"], deleteBeforeReplace: false });
  });
});

describe("ordered", () => {
  it("sorts numbers by size and texts by their characters, without doubles", () => {
    expect(ordered(set("int"), [10, 9, 100, 9])).toEqual([9, 10, 100]);
    expect(ordered(set("string"), ["b", "B", "a"])).toEqual(["B", "a", "b"]);
  });

  it("does not depend on the order that it is given", () => {
    const field = set({ a: string(), b: set("string") });
    const element = fc.record({ a: fc.string(), b: fc.uniqueArray(fc.string(), { maxLength: 3 }) });
    fc.assert(
      fc.property(fc.array(element), (elements) => {
        expect(ordered(field, [...elements].reverse())).toEqual(ordered(field, ordered(field, elements)));
      }),
    );
  });
});
