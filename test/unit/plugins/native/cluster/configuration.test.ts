import fc from "fast-check";
import { expect, test } from "vitest";
import {
  changedParameters,
  configurationPatch,
  inversePatch,
  ownedConfiguration,
} from "../../../../../plugins/native/cluster/configuration.ts";

type Tree = Record<string, unknown>;

/** Patroni's own way with a patch (its patch_config): null removes, objects are merged. */
function patched(config: Tree, patch: Tree): Tree {
  const result = structuredClone(config);
  for (const [key, value] of Object.entries(patch)) {
    const before = result[key];
    if (value === null) delete result[key];
    else if (isTree(value) && isTree(before)) result[key] = patched(before, value);
    else result[key] = value;
  }
  return result;
}

function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const parameters = fc.dictionary(
  fc.constantFrom("work_mem", "jit", "max_connections", "a.b"),
  fc.oneof(fc.integer(), fc.constantFrom("8MB", "on", "Off"), fc.boolean()),
);
const configuration = fc.record(
  {
    ttl: fc.integer(),
    pause: fc.boolean(),
    postgresql: fc.record(
      { parameters, use_slots: fc.boolean(), pg_hba: fc.array(fc.constantFrom("local all", "host all")) },
      { requiredKeys: ["parameters"] },
    ),
  },
  { requiredKeys: ["postgresql"] },
);

test("applying the patch leaves nothing to patch, taking it back gives what was before", () => {
  fc.assert(
    fc.property(configuration, configuration, configuration, (actual, wanted, previous) => {
      const patch = configurationPatch(actual, wanted, previous);
      if (patch === null) return;
      const now = patched(actual, patch);
      expect(configurationPatch(now, wanted, previous)).toBeNull();
      expect(patched(now, inversePatch(actual, patch))).toEqual(actual);
    }),
  );
});

test("a refreshed state is without changes exactly where there is nothing to patch", () => {
  fc.assert(
    fc.property(configuration, configuration, (actual, wanted) => {
      const owned = ownedConfiguration(actual, wanted);
      const nothing = configurationPatch(actual, wanted, {}) === null;
      expect(JSON.stringify(sorted(owned)) === JSON.stringify(sorted(wanted))).toBe(nothing);
    }),
  );
});

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isTree(value)) return value;
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, sorted(value[key])]),
  );
}

test("only what differs is sent; parameters that are not declared go, other keys of operations stay", () => {
  const actual = {
    ttl: 20,
    pause: true,
    postgresql: {
      use_slots: true,
      parameters: { work_mem: "8MB", max_connections: "100", jit: true, old: 1 },
    },
  };
  const wanted = {
    ttl: 20,
    postgresql: { use_slots: true, parameters: { work_mem: "16MB", max_connections: 100, jit: "on" } },
  };
  expect(configurationPatch(actual, wanted, {})).toEqual({
    postgresql: { parameters: { work_mem: "16MB", old: null } },
  });
  expect(configurationPatch(actual, wanted, { pause: true })).toMatchObject({ pause: null });
});

test("texts differ by their case, booleans do not", () => {
  const one = (value: unknown) => ({ postgresql: { parameters: { x: value } } });
  expect(configurationPatch(one("Cp /A"), one("cp /a"), {})).not.toBeNull();
  expect(configurationPatch(one("True"), one(true), {})).toBeNull();
  expect(configurationPatch(one("off"), one(true), {})).not.toBeNull();
});

test("settings that are set and settings that go back to their defaults", () => {
  expect(changedParameters({ ttl: 30, postgresql: { parameters: { a: 1, b: null } } })).toEqual({
    set: { a: 1 },
    reset: ["b"],
  });
  expect(changedParameters({ ttl: 30 })).toEqual({ set: {}, reset: [] });
});
